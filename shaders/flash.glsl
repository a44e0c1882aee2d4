// flash.glsl: what the flash limiter counts: changes of luminance and of saturated red, at one place of the picture.
//
// Reads:  nothing of its own
// Writes: nothing
//
// Thresholds of WCAG 2.x, a little lower: places are points of the picture, and what is shown has 8 bits. Values are in
// linear light. Ages are in seconds. A track of a signal is its last extreme value, and whether it has risen to it (1)
// or fallen (-1, and 0 at the start); of a red, 2 and -2 if it was saturated.
const float STEP = 0.095;
const float BRIGHT = 0.81;
const float RED_STEP = 0.025;
const float SATURATED = 0.78;
const float SECOND = 0.999;  // of six transitions; a seventh begins a fourth flash
const float OLDEST = 9.0;    // ages stop there
const float TOGETHER_S = 0.099;  // changes in the same direction within this time are one

const float EASING_S = 0.8;  // time constant at which nothing swings by STEP more than three times in a second
const float OPENING = 6.0;   // natural logarithm of how much faster it is, at last, when the limit lets go

vec3 linear_light(vec3 value) {
    return mix(value / 12.92, pow((value + 0.055) / 1.055, vec3(2.4)), step(0.04045, value));
}

vec3 coded_light(vec3 value) {
    return mix(value * 12.92, 1.055 * pow(max(value, 1e-6), vec3(1.0 / 2.4)) - 0.055, step(0.0031308, value));
}

// How far the picture that is shown goes to the new one within dt, where a limit has opened by 0..1.
float opened(float open, float dt) {
    return open >= 1.0 ? 1.0 : 1.0 - exp(-dt / EASING_S * exp(OPENING * open));
}

// The same by a limit of flash_limits.frag, read between cells: it opens evenly towards its border.
float share_of(vec4 limit, float dt) {
    return limit.x * opened(limit.z, dt);
}

float luminance(vec3 light) {
    return dot(light, vec3(0.2126, 0.7152, 0.0722));
}

float redness(vec3 light) {
    return max(light.r - light.g - light.b, 0.0);
}

bool is_saturated(vec3 light) {
    return light.r > 0.01 && light.r >= SATURATED * (light.r + light.g + light.b);
}

// 1: the luminance has risen by a step since its last valley; -1: fallen since its last peak; 0: neither.
float light_turn(vec2 track, float now) {
    if (track.y <= 0.0)
        return now - track.x >= STEP && track.x < BRIGHT ? 1.0 : 0.0;
    return track.x - now >= STEP && now < BRIGHT ? -1.0 : 0.0;
}

vec2 followed(vec2 track, float now, float turn) {
    bool further = track.y > 0.0 ? now > track.x : now < track.x;
    return vec2(further || turn != 0.0 ? now : track.x, turn != 0.0 ? turn : track.y);
}

float red_turn(vec2 track, float now, bool saturated) {
    if (!saturated && abs(track.y) < 1.5)
        return 0.0;
    if (track.y <= 0.0)
        return now - track.x >= RED_STEP ? 1.0 : 0.0;
    return track.x - now >= RED_STEP ? -1.0 : 0.0;
}

vec2 followed_red(vec2 track, float now, float turn, bool saturated) {
    vec2 next = followed(track, now, turn);
    bool red = saturated || (turn == 0.0 && abs(track.y) > 1.5);
    return vec2(next.x, (next.y > 0.0 ? 1.0 : -1.0) * (red ? 2.0 : 1.0));
}
