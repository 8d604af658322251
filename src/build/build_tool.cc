// thalo_build_tool DIR OUT NAME: builds an aggregate during the project's own build (cmake/ThaloAggregate.cmake), where
// `thalo` does not exist yet.
#include <cstdio>

#include "build/build.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: thalo_build_tool DIR OUT NAME\n");
    return 2;
  }
  thalo::build::BuildOptions options;
  options.source = argv[1];
  options.output_folder = argv[2];
  options.name = argv[3];
  const auto output = thalo::build::build_aggregate(options);
  if (!output) {
    std::fprintf(stderr, "%s\n", output.error().message.c_str());
    return 1;
  }
  return 0;
}
