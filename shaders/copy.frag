// copy.frag: copies a part of a picture, pixel for pixel.
//
// Reads:  the picture
// Writes: its values
//
// Uniforms:
//   source   [texture] the picture
//   shift    [px] from a place of the framebuffer to that of the picture
#version 330 core

uniform sampler2D source;
uniform ivec2 shift;

out vec4 copied;

void main() {
    copied = texelFetch(source, ivec2(gl_FragCoord.xy) + shift, 0);
}
