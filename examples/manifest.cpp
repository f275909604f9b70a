// Classifies beats with a bundle, from C++: manifest BUNDLE BEATS. Research use only, not a medical
// device. README.md beside this file has the commands and what they print.
//
// BEATS holds beat after beat and nothing else: the inputs that the manifest names, in its order,
// row by row, as float32 in the machine's byte order. The manifest's "spec" says how a beat is cut.
// That the bundle is whole is checked once, after copying, by `ecg-nas verify BUNDLE`.
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

// One input of the model, for one beat.
struct Input {
  std::string name;
  std::vector<std::int64_t> shape;  // the first axis counts beats: 1
  std::vector<float> values;
};

nlohmann::json read_manifest(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("a bundle must hold a manifest; cannot open " + path);
  auto manifest = nlohmann::json::parse(file);
  if (manifest.at("format") != "ecg-nas bundle" || manifest.at("format_version") != 2) {
    throw std::runtime_error("not the manifest of an ecg-nas bundle of format 2: " + path);
  }
  return manifest;
}

std::vector<Input> make_inputs(const nlohmann::json& manifest) {
  std::vector<Input> inputs;
  for (const auto& tensor : manifest.at("inputs")) {
    Input input{tensor.at("name"), {1}, {}};
    for (const std::int64_t axis : tensor.at("shape")) input.shape.push_back(axis);
    std::size_t size = 1;
    for (const auto axis : input.shape) size *= static_cast<std::size_t>(axis);
    input.values.resize(size);
    inputs.push_back(std::move(input));
  }
  return inputs;
}

void read_beat(std::ifstream& file, std::vector<Input>& inputs) {
  for (auto& [name, shape, values] : inputs) {
    if (!file.read(reinterpret_cast<char*>(values.data()),
                   static_cast<std::streamsize>(values.size() * sizeof(float)))) {
      throw std::runtime_error("the file of beats must hold whole beats; it ends within " + name);
    }
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
      throw std::runtime_error("beats must be finite numbers; " + name + " holds another");
    }
  }
}

void classify(const std::string& bundle, const std::string& path) {
  const auto manifest = read_manifest(bundle + "/manifest.json");
  const std::vector<std::string> classes = manifest.at("classes");
  // The program that cuts the beats must agree with this, and with the rest of the spec.
  const auto& signal = manifest.at("spec").at("signal");
  std::fprintf(stderr, "beats at %s Hz, leads %s, rhythm features %s\n",
               signal.at("fs_hz").dump().c_str(), signal.at("leads").dump().c_str(),
               manifest.at("context_names").dump().c_str());

  const Ort::Env env(ORT_LOGGING_LEVEL_FATAL, "ecg-nas");  // lesser errors come as exceptions
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(1);  // for one beat of so small a network, more do not pay
  Ort::Session session(env, (bundle + "/model.onnx").c_str(), options);
  const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  auto inputs = make_inputs(manifest);
  std::vector<const char*> names;
  std::vector<Ort::Value> tensors;  // views of the inputs' values, which are read anew each beat
  for (auto& [name, shape, values] : inputs) {
    names.push_back(name.c_str());
    tensors.push_back(Ort::Value::CreateTensor<float>(memory, values.data(), values.size(),
                                                      shape.data(), shape.size()));
  }
  const std::string output = manifest.at("output").at("name");
  const char* outputs[] = {output.c_str()};

  std::ifstream beats(path, std::ios::binary);
  if (beats.peek() == std::ifstream::traits_type::eof()) {
    throw std::runtime_error("cannot read a beat from " + path);
  }
  std::printf("class");
  for (const auto& name : classes) std::printf(",%s", name.c_str());
  std::printf("\n");
  while (beats.peek() != std::ifstream::traits_type::eof()) {
    read_beat(beats, inputs);
    const auto found = session.Run({}, names.data(), tensors.data(), tensors.size(), outputs, 1);
    if (found[0].GetTensorTypeAndShapeInfo().GetElementCount() != classes.size()) {
      throw std::runtime_error("the model must give one probability for each class");
    }
    const float* first = found[0].GetTensorData<float>();
    const auto best = std::max_element(first, first + classes.size()) - first;
    std::printf("%s", classes[static_cast<std::size_t>(best)].c_str());
    for (std::size_t i = 0; i < classes.size(); ++i) std::printf(",%.7f", first[i]);
    std::printf("\n");
  }
  if (beats.bad()) throw std::runtime_error("cannot read all of " + path);
  if (std::fflush(stdout) != 0) throw std::runtime_error("cannot write the result");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: manifest BUNDLE BEATS\n", stderr);
    return 2;
  }
  try {
    // Without this, a library older than the headers would end the program at the next line.
    if (OrtGetApiBase()->GetApi(ORT_API_VERSION) == nullptr) {
      throw std::runtime_error("the onnxruntime library must not be older than its headers");
    }
    classify(argv[1], argv[2]);
  } catch (const nlohmann::json::exception& error) {
    std::fprintf(stderr, "error: the manifest of %s cannot be read: %s\n", argv[1], error.what());
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
