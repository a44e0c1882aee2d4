// fullscreen.vert: one triangle that covers the viewport, made from the vertex number alone.
//
// Reads:  nothing: draw three vertices without any buffer
// Writes: gl_Position
#version 330 core

void main() {
    gl_Position = vec4(float(gl_VertexID & 1) * 4.0 - 1.0, float(gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0);
}
