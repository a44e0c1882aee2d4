// motion.glsl: folds and moves places: where a pixel of the moved picture lies in the canvas.
// Picture coordinates: origin in the middle, x to the right, y up. Lengths are in pixels.
//
// effects.glsl is put together from the files in effects/ (see render/warp.py), with their uniforms.
//
// Reads:  nothing
// Writes: nothing
//
// Uniforms:
//   matrix   [px to px, homogeneous] map from places of the moved picture to the canvas
//   folds    [unit vectors, or 0 for none] normals of the lines to fold on, towards the side that is folded over
#include "effects.glsl"

const int FOLDS = 7;

uniform mat3 matrix;
uniform vec2 folds[FOLDS];

// Each fold copies the near side of a line through the middle to the far side, mirrored.
vec2 folded(vec2 p) {
    for (int i = 0; i < FOLDS; ++i) p -= 2.0 * max(dot(p, folds[i]), 0.0) * folds[i];
    return p;
}

// The place in texels of a canvas of this size, row 0 at the top, not yet mirrored into it.
vec2 origin_of(vec2 home, vec2 size) {
    vec3 moved = matrix * vec3(home, 1.0);
    vec2 p = displaced(moved.xy / moved.z, size.y);
    // 1/4096 px is finer than a half float resolves; this rounding makes whole pixels exact again.
    return floor(vec2(0.5 * size.x + p.x, 0.5 * size.y - p.y) * 4096.0 + 0.5) / 4096.0;
}
