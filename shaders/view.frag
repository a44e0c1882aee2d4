// view.frag: draws a view, the part of the canvas that the network looks at, with its colours as they are seen.
// Define TILED to draw but the pixels whose middle lies in a tile; the others stay empty.
//
// Reads:  the canvas
// Writes: colours in 0..1; row 0 of the viewport is the top of the view; alpha 1, or 0 where it is empty
//
// Uniforms (and those of tone.glsl, and the folds of motion.glsl):
//   source   [RGBA16F texture] the canvas or a part of it, row 0 at the top
//   canvas_size  [px] width and height of the canvas
//   corner   [px] the top left of the part that the source holds
//   tile     [px] left, top, right and bottom of the tile, if TILED
//   place    [px to px, homogeneous] map from places of the view to the canvas, both from their middle, y up
//   middle   [px] of the viewport, in the framebuffer
//   taps     [1 and more] reads per side of the square that a pixel covers
#version 330 core
#include "common.glsl"
#include "sampling.glsl"
#include "effects.glsl"
#include "motion.glsl"
#include "tone.glsl"

uniform sampler2D source;
uniform vec2 canvas_size;
uniform vec2 corner;
uniform vec4 tile;
uniform mat3 place;
uniform vec2 middle;
uniform int taps;

out vec4 seen;

void main() {
    vec2 size = canvas_size;
    vec2 home = vec2(gl_FragCoord.x - middle.x, middle.y - gl_FragCoord.y);
    vec2 p = folded((place * vec3(home, 1.0)).xy, size);
    vec2 at = vec2(0.5 * size.x + p.x, 0.5 * size.y - p.y);
#ifdef TILED
    vec2 middle_at = mirrored(at, size);
    if (any(lessThan(middle_at, tile.xy)) || any(greaterThanEqual(middle_at, tile.zw))) {
        seen = vec4(0.0);
        return;
    }
#endif
    vec2 across = vec2(place[0].x, -place[0].y) / float(taps), down = vec2(-place[1].x, place[1].y) / float(taps);
    seen = vec4(shouldered(toned(boxed(source, at, size, corner, across, down, taps))), 1.0);
}
