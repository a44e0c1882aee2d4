// flash_fields.frag: decides for each third by third of the picture whether the next frame may be shown there.
//
// Reads:  what the cells count, and its own last output
// Writes: the state of a field: at_once: ages of its last four transitions that happened at once; moments: ages of the
//         two before, how far its limit will have opened, 0..1, and how far it has, or -1 to hold the picture; gradual:
//         ages of its last four gradual transitions; slopes: ages of the two before, the direction of the last, and the
//         transitions without the limit, decaying; told: red: 1 if the field is to be watched, 2 if it is limited;
//         green: time since the last transition at once began, blue: the direction of the last gradual one without the
//         limit, alpha: of the last at once: 1 up, 2 down, 3 both
//
// Uniforms:
//   source    [RGBA32F texture] first output of flash_cells.frag
//   wishes    [RGBA32F texture] its second
//   at_once  [RGBA32F texture] the last output
//   moments  [RGBA32F texture] the last output
//   gradual  [RGBA32F texture] the last output
//   slopes  [RGBA32F texture] the last output
//   told  [RGBA32F texture] the last output
//   parts  [RGBA32F texture] see flash_parts.frag
//   counts  [RGBA32F texture] see flash_parts.frag
//   dt        [s] since the last frame
#version 330 core
#include "flash.glsl"

uniform sampler2D source;
uniform sampler2D wishes;
uniform sampler2D at_once;
uniform sampler2D moments;
uniform sampler2D gradual;
uniform sampler2D slopes;
uniform sampler2D told;
uniform sampler2D parts;
uniform sampler2D counts;
uniform float dt;

layout(location = 0) out vec4 to_at_once;
layout(location = 1) out vec4 to_moments;
layout(location = 2) out vec4 to_gradual;
layout(location = 3) out vec4 to_slopes;
layout(location = 4) out vec4 to_told;

const int SIDE = 4;            // cells of a third
const float AREA = 0.18;       // of 0.25: places are points, and fields have the cells' steps
const float EASED = 0.1;       // the same while the picture is eased: what is held at one moment crosses together later
const float BACK = 0.205;      // the same for a change back within a tenth of a second, since motion has such
const float SOME = 0.005;
const float LASTING = 0.02;    // of the field that changes on
const float LASTING_S = 0.2;   // without which a transition has ended
const float MEMORY_S = 0.5;
const float MOST = 5.0;        // transitions that are remembered, so that they are forgotten soon
const float BUSY = 3.0;        // six a second
const float RELEASE_S = 0.7;   // in which the limit opens
const float PARTS = 0.4;        // of 0.25: those at the border of what flickers count too
const float FLICKER = 11.0;    // transitions of a part in a second, and up to a quarter more: six flashes are 12
const float LATELY = 2.0;      // of them in the last quarter of a second, and up to a quarter more: it goes on
const float NEARLY = 7.0;      // from which on the picture is watched
const float CLOSING_S = 0.3;   // in which it closes again while there is still a lot of change

vec4 field_mean(sampler2D cells, ivec2 corner) {
    vec4 sum = vec4(0.0);
    for (int row = 0; row < SIDE; ++row)
        for (int column = 0; column < SIDE; ++column)
            sum += texelFetch(cells, corner + ivec2(column, row), 0);
    return sum / float(SIDE * SIDE);
}

// Shares of the field's parts that flicker, and that nearly do.
vec2 flicker(ivec2 corner) {
    ivec2 count = textureSize(parts, 0) / (textureSize(told, 0) + SIDE - 1);
    vec2 found = vec2(0.0);
    for (int row = 0; row < SIDE * count.y; ++row)
        for (int column = 0; column < SIDE * count.x; ++column) {
            ivec2 part = corner * count + ivec2(column, row);
            vec4 before = texelFetch(counts, part, 0);
            float now = texelFetch(parts, part, 0).z, often = now + dot(before, vec4(1.0));
            found += now + before.x < LATELY ? vec2(0.0) : step(vec2(FLICKER, NEARLY), vec2(often));
        }
    return found / float(SIDE * SIDE * count.x * count.y);
}

float direction(vec4 change, float last, float area) {
    if (change.z >= area && change.x >= SOME)
        return 1.0;
    return change.z <= -area && change.y >= SOME ? -1.0 : last;
}

// A transition lasts while places still change: it is as old as its end.
void note(inout vec4 ages, inout vec2 older, bool turned, bool lasts) {
    if (turned) {
        older = vec2(ages.w, older.x);
        ages = vec4(0.0, ages.xyz);
    } else if (lasts)
        ages.x = 0.0;
}

void main() {
    ivec2 corner = ivec2(gl_FragCoord.xy);
    vec4 change = field_mean(source, corner), wish = field_mean(wishes, corner);
    to_at_once = min(texelFetch(at_once, corner, 0) + dt, OLDEST);
    to_gradual = min(texelFetch(gradual, corner, 0) + dt, OLDEST);
    to_moments = texelFetch(moments, corner, 0);
    to_slopes = texelFetch(slopes, corner, 0);
    to_told = texelFetch(told, corner, 0);
    to_moments.xy = min(to_moments.xy + dt, OLDEST);
    to_slopes.xy = min(to_slopes.xy + dt, OLDEST);

    float wished = direction(wish, to_told.z, AREA);
    bool wants = max(wish.x, wish.y) >= AREA || wished != to_told.z;
    float busy = min(to_slopes.w * exp(-dt / MEMORY_S) + float(wants), MOST);

    float turned = direction(change, to_slopes.z, AREA);
    vec2 least = to_told.y + dt >= TOGETHER_S ? vec2(AREA)
        : vec2(to_told.w == 1.0 ? AREA : BACK, to_told.w == 2.0 ? AREA : BACK);
    float way = float(change.x >= least.x) + 2.0 * float(change.y >= least.y);
    bool turns = way > 2.5 || way > 0.0 && (way != to_told.w || to_told.y + dt >= TOGETHER_S), swings = turned != to_slopes.z;
    float open = to_moments.z;
    bool drifts = direction(change, to_slopes.z, open < 1.0 ? EASED : AREA) != to_slopes.z;
    bool breaks = turns && to_moments.y < SECOND || drifts && to_slopes.y < SECOND;
    to_moments.w = breaks ? -1.0 : open;
    vec2 flickers = flicker(corner);
    if (breaks || flickers.x >= PARTS)
        open = 0.0;
    else if (open < 1.0)
        open = clamp(open + (busy >= BUSY ? -dt / CLOSING_S : dt / RELEASE_S), 0.0, 1.0);
    to_moments.z = open;
    bool rises = change.x >= LASTING, falls = change.y >= LASTING, goes_on = change.w >= AREA;
    bool same = to_told.w == 1.0 ? rises : to_told.w == 2.0 ? falls : rises || falls;
    bool steep = to_slopes.z * (change.x - change.y) >= LASTING;
    note(to_at_once, to_moments.xy, turns && !breaks, !breaks && (goes_on || same && to_at_once.x < LASTING_S));
    note(to_gradual, to_slopes.xy, swings && !breaks, !breaks && (goes_on || steep && to_gradual.x < LASTING_S));
    to_slopes.zw = vec2(breaks ? to_slopes.z : turned, busy);
    bool limited = to_moments.w < 1.0 || open < 1.0;
    bool begins = turns && !breaks;
    float watched = float(limited || min(to_at_once.z, to_gradual.z) < SECOND || flickers.y >= PARTS) + float(limited);
    to_told = vec4(watched, begins ? 0.0 : min(to_told.y + dt, OLDEST), wished, begins ? way : to_told.w);
}
