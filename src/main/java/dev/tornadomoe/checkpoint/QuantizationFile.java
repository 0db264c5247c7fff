package dev.tornadomoe.checkpoint;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.ModelFiles;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Files beside `config.json` in which quantisers said what they did before they wrote it there:
/// what such a file says counts where `config.json` says nothing.
enum QuantizationFile {
  /// NVIDIA Model Optimizer's, whose fields are in an object `quantization`
  /// ([source](https://github.com/NVIDIA/Model-Optimizer/blob/main/modelopt/torch/export/unified_export_hf.py)).
  MODEL_OPTIMIZER("hf_quant_config.json", "modelopt"),
  /// AutoGPTQ's and GPTQModel's.
  GPTQ("quantize_config.json", "gptq"),
  /// AutoAWQ's.
  AWQ("quant_config.json", "awq");

  private final String fileName;
  private final String method;

  QuantizationFile(String fileName, String method) {
    this.fileName = fileName;
    this.method = method;
  }

  /// The file beside the config, or null when there is none.
  static @Nullable QuantizationFile in(ModelFiles files) {
    for (QuantizationFile file : values()) {
      if (files.isThere(file.fileName)) {
        return file;
      }
    }
    return null;
  }

  Path path(ModelFiles files) {
    return files.path(fileName);
  }

  /// What it says, as a `quantization_config` would.
  ///
  /// @throws CheckpointException when it is none
  Map<String, Object> read(ModelFiles files) {
    Map<String, Object> root = files.json(fileName);
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("quant_method", method);
    if (this == MODEL_OPTIMIZER) {
      if (!(root.get("quantization") instanceof Map<?, ?> inner)) {
        throw new CheckpointException(
            String.format(Locale.ROOT, "%s: no \"quantization\" object", path(files)));
      }
      inner.forEach((key, value) -> fields.put((String) key, value));
    } else {
      fields.putAll(root);
    }
    return fields;
  }
}
