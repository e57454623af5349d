/* A library that only has a name, for bindings that are linked to it and call nothing of it. */
void standin_nothing(void) {
}
