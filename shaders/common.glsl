// common.glsl: functions of several passes: random bits, dither, weights of cubic filters, the vertical flip.
//
// Reads:  nothing of its own
// Writes: nothing

// 96 random bits from three numbers: pcg3d of Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 2020.
uvec3 random_bits(uvec3 v) {
    v = v * 1664525u + 1013904223u;
    v.x += v.y * v.z;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v ^= v >> 16u;
    v.x += v.y * v.z;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    return v;
}

// Catmull-Rom weights of the texels at -1, 0, 1, 2 for a place t in 0..1 between texels 0 and 1.
// Keys, "Cubic convolution interpolation for digital image processing", 1981, a = -1/2.
vec4 catmull_rom(float t) {
    return vec4(
        t * (-0.5 + t * (1.0 - 0.5 * t)),
        1.0 + t * t * (-2.5 + 1.5 * t),
        t * (0.5 + t * (2.0 - 1.5 * t)),
        t * t * (-0.5 + 0.5 * t));
}

// Cubic B-spline weights of the same texels: they smooth.
vec4 b_spline(float t) {
    float rest = 1.0 - t;
    return vec4(
        rest * rest * rest,
        4.0 - 3.0 * t * t * (2.0 - t),
        4.0 - 3.0 * rest * rest * (2.0 - rest),
        t * t * t) / 6.0;
}

// This fragment's column and row, counted from the top of the picture. The only vertical flip on the way to the screen.
ivec2 seen_at(int height, bool bottom_up) {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    return ivec2(pixel.x, bottom_up ? height - 1 - pixel.y : pixel.y);
}

// Triangular noise with the width that 8-bit rounding needs. It fades out at 0 and 1, so black and white stay pure.
vec3 dithered(vec3 value, ivec2 pixel, uint frame) {
    uvec3 noise = random_bits(uvec3(uvec2(pixel), frame));
    vec3 triangle = (vec3(noise & 0xFFFFu) - vec3(noise >> 16u)) / 65536.0;
    vec3 room = clamp(255.0 * min(value, 1.0 - value), 0.0, 1.0);
    return value + triangle * room / 255.0;
}
