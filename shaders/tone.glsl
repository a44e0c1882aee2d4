// tone.glsl: the colours that are seen: brightness and contrast held, highlights and shadows compressed.
//
// Reads:  nothing
// Writes: nothing
//
// Uniforms:
//   colour   [factor] RGB to RGB: hue, saturation, decay and gain in one
//   grey     [any] added to every channel: the decay's share of mid grey, and the offset

uniform mat3 colour;
uniform float grey;

vec3 toned(vec3 value) {
    return recoloured(colour * value + grey);
}

const float REACH = 0.494;  // of 0.5: nothing gets quite black or white, so that highlights keep their drawing

// Nearly linear in the middle; values far beyond 0..1 come close to the ends.
vec3 shouldered(vec3 value) {
    vec3 away = value - 0.5;
    vec3 ratio = away * away / (REACH * REACH);
    return 0.5 + away * inversesqrt(sqrt(1.0 + ratio * ratio));
}
