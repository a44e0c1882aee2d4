// resample.frag: scales a picture along one axis; the other axis stays as it is.
//
// Reads:  the picture
// Writes: the scaled picture, not clipped, alpha 1
//
// Uniforms:
//   source   [texture] the picture
//   axis     [0 or 1] 0 scales along the rows, 1 down the columns
//   scale    [texels per pixel, above 0] distance of two pixels in the source
//   offset   [pixels, any] the place in the output where the source begins
#version 330 core
#include "common.glsl"
#include "resample.glsl"

uniform sampler2D source;
uniform int axis;
uniform float scale;
uniform float offset;

out vec4 picture;

void main() {
    vec2 place = gl_FragCoord.xy;
    place[axis] = (place[axis] - offset) * scale;
    picture = vec4(resampled(source, place, axis, scale), 1.0);
}
