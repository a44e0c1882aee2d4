// blend.frag: blends one picture over another of the same size, texel by texel, so that a slow ascent fades in evenly.
//
// Reads:  the newer picture
// Writes: its colours, with the share as alpha: blend with (source alpha, one minus source alpha)
//
// Uniforms:
//   source   [texture] the newer picture
//   share    [0..1] weight of the newer picture
#version 330 core

uniform sampler2D source;
uniform float share;

out vec4 laid;

void main() {
    laid = vec4(texelFetch(source, ivec2(gl_FragCoord.xy), 0).rgb, share);
}
