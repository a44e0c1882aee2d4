// dim.frag: one grey all over, by which what is drawn already is dimmed or lit up.
//
// Reads:  nothing
// Writes: half the factor, alpha the same: for (destination colour, source colour), which doubles it
//
// Uniforms:
//   factor   [0..2] what the brightness is multiplied by
#version 330 core

uniform float factor;

out vec4 half_of_it;

void main() {
    half_of_it = vec4(factor / 2.0);
}
