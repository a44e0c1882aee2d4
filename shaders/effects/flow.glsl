// flow.glsl: moves the picture by a slow liquid drift, different everywhere.
//
// Reads:  nothing
// Writes: nothing
//
// Uniforms:
//   waves    [x, y: radians per height; z: largest drift in heights over that length; w: radians] the drift's waves

const int WAVES = 8;

uniform vec4 waves[WAVES];

// The curl of a sum of sines: nothing swells or shrinks. In heights.
vec2 drift(vec2 p) {
    vec2 way = vec2(0.0);
    for (int i = 0; i < WAVES; ++i) {
        vec4 wave = waves[i];
        way += wave.z * vec2(wave.y, -wave.x) * cos(dot(wave.xy, p) + wave.w);
    }
    return way;
}

vec2 flow_effect(vec2 p, float height) {
    return p + height * drift(p / height);
}
