// flash_limits.frag: spreads the decisions over fields to all cells that they cover, and to their neighbours.
//
// Reads:  `moments` of flash_fields.frag
// Writes: red: 0 to hold the picture, else 1; green: how far the limit will have opened, 0..1; blue: how far it has.
//         To be read bilinearly
//
// Uniforms:
//   source  [RGBA32F texture] `moments`
#version 330 core

uniform sampler2D source;

out vec4 limit;

const int SIDE = 4;      // cells of a field
const int TOUCHED = 1;   // cells beside it that are limited as much, since places between cells are read from both
const int FADED = 2;     // cells beside those in which the limit fades

void main() {
    ivec2 cell = ivec2(gl_FragCoord.xy), last = textureSize(source, 0) - 1;
    ivec2 from = max(cell - SIDE + 1 - TOUCHED - FADED, 0), to = min(cell + TOUCHED + FADED, last);
    limit = vec4(1.0);
    for (int row = from.y; row <= to.y; ++row)
        for (int column = from.x; column <= to.x; ++column) {
            ivec2 beyond = max(ivec2(column, row) - cell, cell - ivec2(column, row) - SIDE + 1);
            float fade = float(max(max(beyond.x, beyond.y) - TOUCHED, 0)) / float(FADED + 1);
            vec2 open = texelFetch(source, ivec2(column, row), 0).zw;
            vec3 here = vec3(open.y < 0.0 ? 0.0 : 1.0, open.x, max(open.y, 0.0));
            limit.xyz = min(limit.xyz, here + fade);
        }
}
