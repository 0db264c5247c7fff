package dev.tornadomoe.checkpoint;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.StrictJson;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// `params.json` of Mistral's own releases, said in the words of a `config.json`
/// ([args](https://github.com/mistralai/mistral-inference/blob/main/src/mistral_inference/args.py),
/// moe.py beside it): Mixtral, whose `moe` has two numbers. A value there that changes the routing,
/// as later models have, is refused.
final class MistralParams {
  private static final List<String> MOE = List.of("num_experts", "num_experts_per_tok");

  private MistralParams() {}

  /// The config of the model.
  ///
  /// @param file for messages
  /// @param params what it says
  /// @throws CheckpointException when there is no `moe`, or more in it than Mixtral has
  static Map<String, Object> config(Path file, Map<String, Object> params) {
    if (!(params.get("moe") instanceof Map<?, ?> moe)) {
      throw new CheckpointException(
          String.format(Locale.ROOT, "%s: no \"moe\" object, so this is no MoE model", file));
    }
    for (Object key : moe.keySet()) {
      if (!MOE.contains(key)) {
        throw unsupported(file, "moe." + key);
      }
    }
    if (params.get("quantization") != null) {
      throw unsupported(file, "quantization");
    }
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("model_type", "mixtral");
    config.put("hidden_size", required(file, "dim", params.get("dim")));
    config.put("intermediate_size", required(file, "hidden_dim", params.get("hidden_dim")));
    config.put("num_hidden_layers", required(file, "n_layers", params.get("n_layers")));
    for (String key : MOE) {
      config.put(key, required(file, "moe." + key, moe.get(key)));
    }
    return config;
  }

  private static CheckpointException unsupported(Path file, String key) {
    return new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: \"%s\" is not supported in this layout; take the model's files with config.json"
                + " and model.safetensors",
            file,
            StrictJson.excerpt(key)));
  }

  private static Object required(Path file, String key, @Nullable Object value) {
    if (value instanceof Integer number && number > 0) {
      return number;
    }
    throw new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: \"%s\" must be a whole number from 1, found %s",
            file,
            key,
            StrictJson.excerpt(value)));
  }
}
