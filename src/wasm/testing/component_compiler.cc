// The compiler's process for tests: what thalo-runtime is when it calls itself.
#include "wasm/compiler.h"

int main(int argc, char** argv) { return thalo::wasm::compile_component(argc, argv); }
