// flash_limits.frag: spreads the decisions over fields to all cells that they cover, and to their neighbours.
//
// Reads:  `moments` of flash_fields.frag
// Writes: red: how far to go to the next frame, 0..1; green: how far the limit will have opened. To be read bilinearly
//
// Uniforms:
//   source  [RGBA32F texture]
#version 330 core

uniform sampler2D source;

out vec4 limit;

const int BEFORE = 4, AFTER = 1;  // fields from there to here reach this cell or touch it

void main() {
    ivec2 cell = ivec2(gl_FragCoord.xy), last = textureSize(source, 0) - 1;
    ivec2 from = max(cell - BEFORE, 0), to = min(cell + AFTER, last);
    limit = vec4(1.0);
    for (int row = from.y; row <= to.y; ++row)
        for (int column = from.x; column <= to.x; ++column)
            limit.xy = min(limit.xy, texelFetch(source, ivec2(column, row), 0).wz);
}
