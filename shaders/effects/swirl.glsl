// swirl.glsl: turns the middle more than the rim.
//
// Reads:  nothing
// Writes: nothing
//
// Uniforms:
//   swirl    [radians, any] how far the middle turns; positive is clockwise

const float SWIRL_RADIUS = 0.35;  // heights: most of the swirl happens within

uniform float swirl;

// Looking further round to the left turns the picture to the right.
vec2 swirl_effect(vec2 p, float height) {
    if (swirl == 0.0) return p;
    vec2 reach = p / (height * SWIRL_RADIUS);
    float angle = swirl * exp(-dot(reach, reach));
    float c = cos(angle), s = sin(angle);
    return vec2(c * p.x - s * p.y, s * p.x + c * p.y);
}
