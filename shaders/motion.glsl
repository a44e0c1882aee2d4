// motion.glsl: folds and moves places: where a pixel of the moved picture lies in the canvas.
// Picture coordinates: origin in the middle, x to the right, y up. Lengths are in pixels.
//
// Define BENT where effects move places, FOLDED where folds do: both cost time, used or not, where a processor draws.
//
// Reads:  the displacement by effects, if BENT
// Writes: nothing
//
// Uniforms:
//   matrix         [px to px, affine] map from places of the moved picture to the canvas
//   folds          [unit vectors] normals of the lines to fold on, towards the side that is folded over, if FOLDED
//   fold_count     [0..7] how many there are
//   displacements  [texture, heights] see displacement.frag

const int FOLDS = 7;
const int FOLD_TURNS = 3;

uniform mat3 matrix;
#ifdef FOLDED
uniform vec2 folds[FOLDS];
uniform int fold_count;
#endif
#ifdef BENT
uniform sampler2D displacements;
#endif

// Each fold copies the near side of a line through the middle to the far side, mirrored. A wedge that reaches beyond
// the canvas's border is folded there and then once more, or a picture folded twice would not be the one folded once.
vec2 folded(vec2 p, vec2 size) {
#ifdef FOLDED
    for (int turn = 0; turn < FOLD_TURNS; ++turn) {
        p -= 2.0 * (p - clamp(p, -0.5 * size, 0.5 * size));
        for (int i = 0; i < fold_count; ++i) p -= 2.0 * max(dot(p, folds[i]), 0.0) * folds[i];
    }
#endif
    return p;
}

// The place in texels of a canvas of this size, row 0 at the top, not yet mirrored into it.
vec2 origin_of(vec2 home, vec2 size) {
    vec2 p = (matrix * vec3(home, 1.0)).xy;
#ifdef BENT
    p += size.y * textureLod(displacements, vec2(p.x, -p.y) / size + 0.5, 0.0).rg;
#endif
    return vec2(0.5 * size.x + p.x, 0.5 * size.y - p.y);
}
