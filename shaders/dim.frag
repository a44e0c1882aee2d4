// dim.frag: multiplies the brightness of the drawn picture.
//
// Reads:  nothing
// Writes: half the factor in all channels: blend with (destination colour, source colour), which doubles it
//
// Uniforms:
//   factor   [0..2] factor on the brightness
#version 330 core

uniform float factor;

out vec4 half_factor;

void main() {
    half_factor = vec4(factor / 2.0);
}
