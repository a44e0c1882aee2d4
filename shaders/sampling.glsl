// sampling.glsl: filters for reading a picture between its texels. The sampler has to be bilinear.
//
// Reads:  the texture it is given
// Writes: nothing
//
// Places are in texels, row 0 first. Define READ to read but a part of the texture.
#ifndef READ
#define READ(source, place) textureLod(source, place, 0.0).rgb
#endif

// Map places beyond the border into the picture: it is mirrored there.
vec2 mirrored(vec2 place, vec2 size) {
    return size - abs(mod(place, 2.0 * size) - size);
}

// The same for places at most one picture beyond the border, in less time.
vec2 mirrored_near(vec2 place, vec2 size) {
    return size - abs(abs(place) - size);
}

vec3 bilinear(sampler2D source, vec2 place, vec2 size) {
    return READ(source, place / size);
}

// Catmull-Rom by five bilinear reads; the four corners, which weigh the least, are left out.
vec3 cubic(sampler2D source, vec2 place, vec2 size) {
    vec2 corner = floor(place - 0.5) + 0.5;
    vec2 t = place - corner;
    vec2 before = t * (-0.5 + t * (1.0 - 0.5 * t));
    vec2 first = 1.0 + t * t * (-2.5 + 1.5 * t);
    vec2 second = t * (0.5 + t * (2.0 - 1.5 * t));
    vec2 after = t * t * (-0.5 + 0.5 * t);
    vec2 middle = first + second;
    vec2 at = (corner + second / middle) / size, left = (corner - 1.0) / size, right = (corner + 2.0) / size;
    vec3 sum = middle.x * middle.y * READ(source, at)
        + before.x * middle.y * READ(source, vec2(left.x, at.y))
        + after.x * middle.y * READ(source, vec2(right.x, at.y))
        + middle.x * before.y * READ(source, vec2(at.x, left.y))
        + middle.x * after.y * READ(source, vec2(at.x, right.y));
    return sum / (middle.x + middle.y - middle.x * middle.y);
}

// Cubic B-spline by four bilinear reads: the smoothest enlargement.
vec3 spline(sampler2D source, vec2 place, vec2 size) {
    vec2 corner = floor(place - 0.5) + 0.5;
    vec2 t = place - corner;
    vec2 rest = 1.0 - t;
    vec2 before = rest * rest * rest / 6.0, after = t * t * t / 6.0;
    vec2 first = 2.0 / 3.0 - 0.5 * t * t * (2.0 - t), second = 2.0 / 3.0 - 0.5 * rest * rest * (2.0 - rest);
    vec2 low = before + first, high = second + after;
    vec2 near = (corner - 1.0 + first / low) / size, far = (corner + 1.0 + after / high) / size;
    return low.y * (low.x * READ(source, near)
            + high.x * READ(source, vec2(far.x, near.y)))
        + high.y * (low.x * READ(source, vec2(near.x, far.y))
            + high.x * READ(source, far));
}

// The mean over a square of `taps` x `taps` bilinear reads that step by `across` and `down`, round the place.
// `size`: of the canvas; `corner`: of the part of it that the texture holds.
vec3 boxed(sampler2D source, vec2 place, vec2 size, vec2 corner, vec2 across, vec2 down, int taps) {
    vec3 sum = vec3(0.0);
    vec2 held = vec2(textureSize(source, 0));
    vec2 first = place - 0.5 * float(taps - 1) * (across + down);
    for (int row = 0; row < taps; ++row)
        for (int column = 0; column < taps; ++column)
            sum += READ(source, (mirrored(first + float(column) * across + float(row) * down, size) - corner) / held);
    return sum / float(taps * taps);
}
