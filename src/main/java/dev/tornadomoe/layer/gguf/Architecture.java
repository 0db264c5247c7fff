package dev.tornadomoe.layer.gguf;

import dev.tornadomoe.layer.LayerException;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/// The architectures of GGUF files and how llama.cpp routes in each
/// ([graphs](https://github.com/ggml-org/llama.cpp/tree/master/src/models), `build_moe_ffn` in
/// [llama-graph.cpp](https://github.com/ggml-org/llama.cpp/blob/master/src/llama-graph.cpp)).
enum Architecture {
  /// Mixtral, and other models whose tensors llama.cpp knows by the same names.
  LLAMA("llama", Gate.SOFTMAX, Renormalise.ALWAYS),
  DBRX("dbrx", Gate.SOFTMAX, Renormalise.ALWAYS),
  QWEN2("qwen2moe", Gate.SOFTMAX, Renormalise.NEVER, Part.SHARED, Part.SHARED_GATE),
  QWEN3("qwen3moe", Gate.SOFTMAX, Renormalise.ALWAYS),
  QWEN3_VL("qwen3vlmoe", Gate.SOFTMAX, Renormalise.ALWAYS),
  QWEN3_NEXT("qwen3next", Gate.SOFTMAX, Renormalise.ALWAYS, Part.SHARED, Part.SHARED_GATE),
  QWEN35("qwen35moe", Gate.SOFTMAX, Renormalise.ALWAYS, Part.SHARED, Part.SHARED_GATE),
  DEEPSEEK("deepseek", Gate.SOFTMAX, Renormalise.NEVER, Part.SHARED),
  DEEPSEEK2(
      "deepseek2", Gate.SOFTMAX, Renormalise.IF_SAID, Part.SHARED, Part.CORRECTION, Part.GATE_KEY),
  GLM4("glm4moe", Gate.SIGMOID, Renormalise.IF_SAID, Part.SHARED, Part.CORRECTION, Part.GATE_KEY),
  DOTS1("dots1", Gate.NOT_SAID, Renormalise.IF_SAID, Part.SHARED, Part.CORRECTION, Part.GATE_KEY),
  BAILING("bailingmoe", Gate.SOFTMAX, Renormalise.IF_SAID, Part.SHARED),
  BAILING2(
      "bailingmoe2",
      Gate.NOT_SAID,
      Renormalise.IF_SAID,
      Part.SHARED,
      Part.CORRECTION,
      Part.GATE_KEY),
  ERNIE45("ernie4_5-moe", Gate.SOFTMAX, Renormalise.ALWAYS, Part.SHARED, Part.CORRECTION),
  HUNYUAN("hunyuan-moe", Gate.SOFTMAX, Renormalise.ALWAYS, Part.SHARED),
  MINIMAX_M2("minimax-m2", Gate.SIGMOID, Renormalise.ALWAYS, Part.CORRECTION, Part.GATE_KEY),
  EXAONE(
      "exaone-moe",
      Gate.NOT_SAID,
      Renormalise.IF_SAID,
      Part.SHARED,
      Part.CORRECTION,
      Part.GATE_KEY),
  AFMOE("afmoe", Gate.SIGMOID, Renormalise.IF_SAID, Part.SHARED, Part.CORRECTION, Part.GATE_KEY),
  LFM2("lfm2moe", Gate.NOT_SAID, Renormalise.ALWAYS, Part.CORRECTION, Part.GATE_KEY),
  OLMOE("olmoe", Gate.SOFTMAX, Renormalise.NEVER),
  GRANITE("granitemoe", Gate.SOFTMAX, Renormalise.ALWAYS, Part.SHARED),
  GRANITE_HYBRID("granitehybrid", Gate.SOFTMAX, Renormalise.ALWAYS, Part.SHARED),
  PHI("phimoe", Gate.SOFTMAX, Renormalise.ALWAYS),
  JAMBA("jamba", Gate.SOFTMAX, Renormalise.NEVER),
  GPT_OSS("gpt-oss", Gate.SOFTMAX_OF_SELECTED, Renormalise.NEVER, Part.CLAMPED_SWIGLU),
  LLAMA4("llama4", Gate.SIGMOID_OF_SELECTED, Renormalise.NEVER, Part.SHARED, Part.WEIGHT_ON_INPUT);

  /// What scores experts where `expert_gating_func` is not there.
  enum Gate {
    SOFTMAX,
    SIGMOID,
    SOFTMAX_OF_SELECTED,
    SIGMOID_OF_SELECTED,
    /// The key must be there.
    NOT_SAID
  }

  /// Whether the weights of the selected experts are made to sum to 1.
  enum Renormalise {
    ALWAYS,
    NEVER,
    /// As `expert_weights_norm` says.
    IF_SAID
  }

  /// What a block may have beside its router and experts, or does in its own way.
  enum Part {
    /// Scores as `expert_gating_func` says, if it is there.
    GATE_KEY,
    SHARED,
    SHARED_GATE,
    CORRECTION,
    WEIGHT_ON_INPUT,
    CLAMPED_SWIGLU
  }

  private final String id;
  private final Gate gate;
  private final Renormalise renormalise;

  @SuppressWarnings("ImmutableEnumChecker") // Set.of gives an immutable one
  private final Set<Part> parts;

  Architecture(String id, Gate gate, Renormalise renormalise, Part... parts) {
    this.id = id;
    this.gate = gate;
    this.renormalise = renormalise;
    this.parts = Set.of(parts);
  }

  /// The architecture of this name.
  ///
  /// @throws LayerException for an unknown one, with the list of known ones
  static Architecture named(String id) {
    for (Architecture architecture : values()) {
      if (architecture.id.equals(id)) {
        return architecture;
      }
    }
    throw new LayerException(
        String.format(
            Locale.ROOT,
            "architecture \"%s\" is not supported for GGUF (supported: %s)",
            id,
            Arrays.stream(values())
                .map(architecture -> architecture.id)
                .sorted()
                .collect(Collectors.joining(", "))));
  }

  Gate gate() {
    return gate;
  }

  Renormalise renormalise() {
    return renormalise;
  }

  boolean has(Part part) {
    return parts.contains(part);
  }
}
