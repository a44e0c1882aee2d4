// seed.frag: blends a picture of any size over the canvas, upright, cropped or with its margin left unchanged.
//
// Reads:  the picture, row 0 at its top, filtered linearly, with mipmaps
// Writes: its colours, with the share as alpha: blend with (source alpha, one minus source alpha)
//
// Uniforms:
//   source   [texture] the picture
//   size     [px] width and height of the canvas
//   moved    [px to px, homogeneous] map from places of the canvas to the screen, from the middle, y up
//   reach    [picture sizes per canvas size] how much of the picture the canvas shows across and down
//   share    [0..1] weight of the picture
#version 330 core

uniform sampler2D source;
uniform vec2 size;
uniform mat3 moved;
uniform vec2 reach;
uniform float share;

out vec4 laid;

void main() {
    vec2 home = (moved * vec3(gl_FragCoord.x - 0.5 * size.x, 0.5 * size.y - gl_FragCoord.y, 1.0)).xy;
    vec2 place = home * vec2(1.0, -1.0) / size * reach + 0.5;
    bool within = all(greaterThan(place, vec2(0.0))) && all(lessThan(place, vec2(1.0)));
    laid = vec4(texture(source, place).rgb, within ? share : 0.0);
}
