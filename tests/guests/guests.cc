#include "guests/guests.h"

#include <wasmtime.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>

namespace thalo::guests {
namespace {

std::string read(const std::string& name) {
  std::ifstream file(std::string(THALO_GUESTS_FOLDER "/") + name);
  if (!file) throw std::runtime_error("no guest text " + name + " in " THALO_GUESTS_FOLDER);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void replace_line(std::string& text, const std::string& mark, const std::string& part) {
  const std::string line = ";;@" + mark + "\n";
  const auto at = text.find(line);
  if (at == std::string::npos) throw std::runtime_error("no line " + line + " in the guest's text");
  text.replace(at, line.size(), part + "\n");
}

}  // namespace

std::string assemble(std::string_view text) {
  wasm_byte_vec_t bytes;
  if (wasmtime_error_t* error = wasmtime_wat2wasm(text.data(), text.size(), &bytes)) {
    wasm_byte_vec_t message;
    wasmtime_error_message(error, &message);
    const std::string what(message.data, message.size);
    wasm_byte_vec_delete(&message);
    wasmtime_error_delete(error);
    throw std::runtime_error(what);
  }
  std::string out(bytes.data, bytes.size);
  wasm_byte_vec_delete(&bytes);
  return out;
}

std::string make(const Recipe& recipe) {
  std::string text = read(recipe.shell);
  replace_line(text, "core", read(recipe.core));
  for (const auto& [mark, part] : recipe.parts) replace_line(text, mark, part);
  return assemble(text);
}

std::string long_function(int loops, int variables) {
  std::string declared, set, looping, sum = "(i32.const 0)";
  for (int i = 0; i < variables; ++i) {
    const std::string name = "$v" + std::to_string(i);
    declared += "(local " + name + " i32)";
    set += "(local.set " + name + " (i32.load (i32.const " + std::to_string(4 * i) + ")))";
    sum += " (i32.add (local.get " + name + "))";
  }
  for (int i = 0; i < loops; ++i) {
    const std::string name = "$v" + std::to_string(i % variables);
    looping += "(loop (br_if 0 (local.tee " + name + " (i32.sub (local.get " + name + ") (i32.const 1)))))";
  }
  return "(func (export \"long\") (result i32) " + declared + set + looping + sum + ")";
}

std::string counter() { return make({}); }
std::string counter_v0_8() { return make({.shell = "v0_8.wat"}); }

}  // namespace thalo::guests
