// blend.frag: lays one picture over another of the same size, texel by texel, so that a slow ascent grows evenly.
//
// Reads:  the newer picture
// Writes: its colours, and as alpha how much of them there is to be: for (source alpha, one minus source alpha)
//
// Uniforms:
//   source   [texture] the newer picture
//   share    [0..1] how much of it
#version 330 core

uniform sampler2D source;
uniform float share;

out vec4 laid;

void main() {
    laid = vec4(texelFetch(source, ivec2(gl_FragCoord.xy), 0).rgb, share);
}
