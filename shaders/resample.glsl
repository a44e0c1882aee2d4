// resample.glsl: scales along one axis with a separable Catmull-Rom kernel. Define SHRINKING for more than
// one texel per pixel: the kernel is then wider, so that nothing aliases. Needs common.glsl.
//
// Reads:  the texture it is given
// Writes: nothing

float cubic(float x) {
    x = abs(x);
    if (x >= 2.0) return 0.0;
    return x < 1.0 ? 1.0 + x * x * (1.5 * x - 2.5) : 2.0 + x * (-4.0 + x * (2.5 - 0.5 * x));
}

// The colour at `place`, in texels, for output pixels that are `scale` texels apart. Only the coordinate along
// the axis (0: x, 1: y) may lie between texels.
vec3 resampled(sampler2D source, vec2 place, int axis, float scale) {
    vec2 size = vec2(textureSize(source, 0));
    float corner = floor(place[axis] - 0.5);
    float t = place[axis] - 0.5 - corner;
    vec2 along = vec2(1 - axis, axis);
    vec2 at = mix(place, vec2(corner + 0.5), along) / size;
    along /= size;
    vec3 sum = vec3(0.0);
#ifdef SHRINKING
    float total = 0.0;
    int reach = int(ceil(2.0 * scale));
    for (int i = 1 - reach; i <= reach; ++i) {
        float weight = cubic((float(i) - t) / scale);
        sum += weight * textureLod(source, at + float(i) * along, 0.0).rgb;
        total += weight;
    }
    return sum / total;
#else
    vec4 weights = catmull_rom(t);
    for (int i = 0; i < 4; ++i)
        sum += weights[i] * textureLod(source, at + float(i - 1) * along, 0.0).rgb;
    return sum;
#endif
}
