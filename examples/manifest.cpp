// Reads what a C++ program needs of a bundle's manifest.json and runs model.onnx on one flat beat.
// Not compiled or run by our tests. It needs nlohmann/json and onnxruntime's C++ API:
//   g++ -std=c++17 manifest.cpp -lonnxruntime -o manifest && ./manifest exports/first
#include <onnxruntime_cxx_api.h>

#include <cstdint>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: manifest BUNDLE\n";
    return 2;
  }
  const std::string folder = argv[1];
  std::ifstream file(folder + "/manifest.json");
  const nlohmann::json manifest = nlohmann::json::parse(file);
  if (manifest.at("format") != "ecg-nas bundle" || manifest.at("format_version") != 2) {
    std::cerr << "not a bundle of format 2\n";
    return 1;
  }
  // How to cut a beat: leads, sampling rate, filter, window. The signal must be made this way.
  const auto& signal = manifest.at("spec").at("signal");
  std::cout << "sampling rate " << signal.at("fs_hz") << " Hz, leads " << signal.at("leads")
            << "\nrhythm features " << manifest.at("context_names") << "\n";

  Ort::Env env;
  Ort::Session session(env, (folder + "/model.onnx").c_str(), Ort::SessionOptions());
  const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  std::vector<std::string> names;
  std::vector<std::vector<float>> values;
  std::vector<Ort::Value> inputs;
  for (const auto& tensor : manifest.at("inputs")) {
    std::vector<std::int64_t> shape = {1};  // the first axis counts beats
    std::size_t size = 1;
    for (const std::int64_t axis : tensor.at("shape")) {
      shape.push_back(axis);
      size *= static_cast<std::size_t>(axis);
    }
    names.push_back(tensor.at("name"));
    values.emplace_back(size, 0.0F);  // moving the outer vector leaves these floats in place
    inputs.push_back(Ort::Value::CreateTensor<float>(memory, values.back().data(), size,
                                                     shape.data(), shape.size()));
  }
  std::vector<const char*> in;
  for (const auto& name : names) in.push_back(name.c_str());
  const std::string output = manifest.at("output").at("name");
  const char* out[] = {output.c_str()};
  const auto found = session.Run({}, in.data(), inputs.data(), inputs.size(), out, 1);
  const float* probabilities = found[0].GetTensorData<float>();
  for (std::size_t i = 0; i < manifest.at("classes").size(); ++i) {
    std::cout << manifest.at("classes")[i].get<std::string>() << " " << probabilities[i] << "\n";
  }
}
