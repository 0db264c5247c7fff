package dev.tornadomoe.layer.gguf;

import dev.tornadomoe.layer.LayerException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/// The architectures of GGUF files and what llama.cpp makes of each: its defaults and the keys that
/// it reads ([models](https://github.com/ggml-org/llama.cpp/tree/master/src/models),
/// `load_arch_hparams`), its tensors (`load_arch_tensors`), and its routing (`build_moe_ffn` in
/// [llama-graph.cpp](https://github.com/ggml-org/llama.cpp/blob/master/src/llama-graph.cpp)).
enum Architecture {
  /// Mixtral, and other models whose tensors llama.cpp knows by the same names.
  LLAMA(List.of("llama", "mistral3"), Gate.SOFTMAX, Renormalise.ALWAYS, SharedSize.NONE),
  /// Beside its experts stands a dense MLP, with a norm of its own.
  ARCTIC("arctic", Gate.SOFTMAX, Renormalise.ALWAYS, SharedSize.NONE, Part.CALLERS_NORM),
  DBRX("dbrx", Gate.SOFTMAX, Renormalise.ALWAYS, SharedSize.NONE),
  QWEN2("qwen2moe", Gate.SOFTMAX, Renormalise.NEVER, SharedSize.STATED_OR_DENSE, Part.SHARED_GATE),
  QWEN3("qwen3moe", Gate.SOFTMAX, Renormalise.ALWAYS, SharedSize.NONE),
  QWEN3_VL("qwen3vlmoe", Gate.SOFTMAX, Renormalise.ALWAYS, SharedSize.NONE),
  QWEN3_NEXT(
      "qwen3next", Gate.SOFTMAX, Renormalise.ALWAYS, SharedSize.STATED_OR_DENSE, Part.SHARED_GATE),
  QWEN35(
      "qwen35moe", Gate.SOFTMAX, Renormalise.ALWAYS, SharedSize.STATED_OR_DENSE, Part.SHARED_GATE),
  DEEPSEEK("deepseek", Gate.SOFTMAX, Renormalise.NEVER, SharedSize.COUNTED, Part.SCALE_KEY),
  DEEPSEEK2(
      "deepseek2",
      Gate.SOFTMAX_OR_GLM_47_FLASH,
      Renormalise.IF_STATED,
      SharedSize.COUNTED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.CORRECTION),
  GLM4(
      "glm4moe",
      Gate.SIGMOID,
      Renormalise.IF_STATED,
      SharedSize.COUNTED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.REQUIRED_CORRECTION),
  DOTS1(
      "dots1",
      Gate.NOT_STATED,
      Renormalise.IF_STATED,
      SharedSize.COUNTED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.CORRECTION),
  BAILING("bailingmoe", Gate.SOFTMAX, Renormalise.IF_STATED, SharedSize.COUNTED, Part.SCALE_KEY),
  BAILING2(
      "bailingmoe2",
      Gate.NOT_STATED,
      Renormalise.IF_STATED,
      SharedSize.COUNTED_STATED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.CORRECTION),
  ERNIE45("ernie4_5-moe", Gate.SOFTMAX, Renormalise.ALWAYS, SharedSize.STATED, Part.CORRECTION),
  HUNYUAN("hunyuan-moe", Gate.SOFTMAX, Renormalise.ALWAYS, SharedSize.STATED_OR_DENSE),
  MINIMAX_M2(
      "minimax-m2",
      Gate.NOT_STATED,
      Renormalise.ALWAYS,
      SharedSize.NONE,
      Part.GATE_KEY,
      Part.REQUIRED_CORRECTION),
  EXAONE(
      "exaone-moe",
      Gate.NOT_STATED,
      Renormalise.IF_STATED,
      SharedSize.STATED_OR_EXPERT,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.CORRECTION),
  AFMOE(
      "afmoe",
      Gate.SIGMOID,
      Renormalise.IF_STATED,
      SharedSize.COUNTED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.REQUIRED_CORRECTION),
  LFM2(
      "lfm2moe",
      Gate.NOT_STATED,
      Renormalise.ALWAYS,
      SharedSize.NONE,
      Part.GATE_KEY,
      Part.REQUIRED_CORRECTION),
  OLMOE("olmoe", Gate.SOFTMAX, Renormalise.NEVER, SharedSize.NONE),
  GRANITE("granitemoe", Gate.SOFTMAX, Renormalise.ALWAYS, SharedSize.STATED),
  GRANITE_HYBRID("granitehybrid", Gate.SOFTMAX, Renormalise.ALWAYS, SharedSize.STATED),
  /// With a sliding window.
  GRANITE_SWA(
      "granite_swa", Gate.SOFTMAX, Renormalise.ALWAYS, SharedSize.STATED, Part.SHARED_GATE_UP),
  PHI("phimoe", Gate.SOFTMAX, Renormalise.ALWAYS, SharedSize.NONE),
  JAMBA("jamba", Gate.SOFTMAX, Renormalise.NEVER, SharedSize.NONE),
  GPT_OSS(
      "gpt-oss",
      Gate.SOFTMAX_OF_SELECTED,
      Renormalise.NEVER,
      SharedSize.NONE,
      Part.BIASES,
      Part.CLAMPED_SWIGLU),
  LLAMA4(
      "llama4",
      Gate.SIGMOID_OF_SELECTED,
      Renormalise.NEVER,
      SharedSize.AS_AN_EXPERT,
      Part.WEIGHT_ON_INPUT),
  NEMOTRON_H(
      "nemotron_h_moe",
      Gate.SIGMOID,
      Renormalise.IF_STATED,
      SharedSize.STATED,
      Part.SCALE_KEY,
      Part.REQUIRED_CORRECTION,
      Part.LATENT,
      Part.SQUARED_RELU),
  GLM_DSA(
      "glm-dsa",
      Gate.SIGMOID,
      Renormalise.IF_STATED,
      SharedSize.COUNTED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.CORRECTION),
  DEEPSEEK32(
      "deepseek32",
      Gate.NOT_STATED,
      Renormalise.IF_STATED,
      SharedSize.COUNTED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.CORRECTION),
  KIMI_LINEAR(
      "kimi-linear",
      Gate.NOT_STATED,
      Renormalise.ALWAYS,
      SharedSize.COUNTED_OR_ONE,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.REQUIRED_CORRECTION),
  MIMO2("mimo2", Gate.SIGMOID, Renormalise.ALWAYS, SharedSize.NONE, Part.CORRECTION),
  STEP35(
      "step35",
      Gate.SIGMOID,
      Renormalise.IF_STATED,
      SharedSize.STATED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.CORRECTION,
      Part.LIMITS,
      Part.SHARED_LIMITS),
  /// As `deepseek2` in all.
  MISTRAL4(
      "mistral4",
      Gate.SOFTMAX_OR_GLM_47_FLASH,
      Renormalise.IF_STATED,
      SharedSize.COUNTED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.CORRECTION),
  HY3(
      "hy_v3",
      Gate.SIGMOID,
      Renormalise.IF_STATED,
      SharedSize.STATED_OR_EXPERT,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.CORRECTION),
  LAGUNA(
      "laguna",
      Gate.SIGMOID,
      Renormalise.IF_STATED,
      SharedSize.STATED_OR_COUNTED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.REQUIRED_CORRECTION),
  MELLUM("mellum", Gate.SOFTMAX, Renormalise.ALWAYS, SharedSize.NONE),
  MINIMAX_M3(
      "minimax-m3",
      Gate.NOT_STATED,
      Renormalise.IF_STATED,
      SharedSize.COUNTED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.REQUIRED_CORRECTION,
      Part.CLAMPED_SWIGLU),
  QWEN4("qwen4exp", Gate.SOFTMAX, Renormalise.ALWAYS, SharedSize.STATED_OR_DENSE, Part.SHARED_GATE),
  GLM5(
      List.of("glm5next", "glm5-next"),
      Gate.SIGMOID,
      Renormalise.IF_STATED,
      SharedSize.STATED_OR_COUNTED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.REQUIRED_CORRECTION,
      Part.LIMITS,
      Part.SHARED_LIMITS,
      Part.SAME_LIMITS,
      Part.LIMITED_BEFORE_SILU),
  BAILING3(
      "bailingmoe3",
      Gate.NOT_STATED,
      Renormalise.IF_STATED,
      SharedSize.STATED_OR_COUNTED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.REQUIRED_CORRECTION,
      Part.LIMITS,
      Part.SHARED_LIMITS),
  HY4(
      "hy_v4",
      Gate.NOT_STATED,
      Renormalise.IF_STATED,
      SharedSize.COUNTED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.CORRECTION,
      Part.LIMITS,
      Part.LIMITED_BEFORE_SILU),
  COHERE2(
      "cohere2moe",
      Gate.SIGMOID,
      Renormalise.IF_STATED,
      SharedSize.IF_COUNTED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.SHARED_AVERAGED),
  DEEPSEEK2_OCR(
      "deepseek2-ocr",
      Gate.SOFTMAX,
      Renormalise.IF_STATED,
      SharedSize.COUNTED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.CORRECTION),
  MAPLE(
      "maple",
      Gate.SOFTMAX,
      Renormalise.ALWAYS,
      SharedSize.NONE,
      Part.LIMITS,
      Part.LIMITED_IF_ABSENT,
      Part.LIMITED_BEFORE_SILU),
  AXK2(
      "axk2",
      Gate.NOT_STATED,
      Renormalise.IF_STATED,
      SharedSize.COUNTED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.CORRECTION),
  MINIMAX_01("minimax-01", Gate.SOFTMAX, Renormalise.ALWAYS, SharedSize.NONE),
  DOTS3(
      "dots3note",
      Gate.NOT_STATED,
      Renormalise.IF_STATED,
      SharedSize.COUNTED,
      Part.GATE_KEY,
      Part.SCALE_KEY,
      Part.REQUIRED_CORRECTION),
  LLADA("llada-moe", Gate.SOFTMAX, Renormalise.NEVER, SharedSize.NONE),
  RND1("rnd1", Gate.SOFTMAX, Renormalise.ALWAYS, SharedSize.NONE),
  /// And DiffusionGemma, whose blocks are the same.
  GEMMA4(
      List.of("gemma4", "diffusion-gemma"),
      Gate.SOFTMAX,
      Renormalise.ALWAYS,
      SharedSize.NONE,
      Part.OWN_NORMS,
      Part.EXPERT_SCALES,
      Part.GELU),
  /// And DeepSeek-V4.1, whose blocks are the same, all without a table.
  DEEPSEEK4(
      List.of("deepseek4", "deepseek41"),
      Gate.SQRT_SOFTPLUS,
      Renormalise.IF_STATED,
      SharedSize.COUNTED,
      Part.SCALE_KEY,
      Part.TABLES,
      Part.IMAGE_CORRECTION,
      Part.REQUIRED_KEYS,
      Part.PREDICTION_IF_STORED,
      Part.REQUIRED_CORRECTION,
      Part.LIMITS,
      Part.SHARED_LIMITS,
      Part.SAME_LIMITS,
      Part.LIMITED_BEFORE_SILU);

  /// What llama.cpp runs and a layer here can't say, and why.
  private static final Map<String, String> REFUSED =
      Map.of(
          "grovemoe", "its adjugate experts read what the other experts return",
          "smallthinker", "its router reads what comes before attention's norm",
          "grok", "implementations disagree on whether its router's logits are capped",
          "kimi-k3", "its experts' activation, SiTU, is none of those here");

  private static final int LONGEST_NAME = 40; // of an unknown one, in a sentence

  @SuppressWarnings("ImmutableEnumChecker") // List.of gives an immutable one
  private final List<String> ids;

  private final Gate gate;
  private final Renormalise renormalise;
  private final SharedSize shared;

  @SuppressWarnings("ImmutableEnumChecker") // Set.of gives an immutable one
  private final Set<Part> parts;

  Architecture(String id, Gate gate, Renormalise renormalise, SharedSize shared, Part... parts) {
    this(List.of(id), gate, renormalise, shared, parts);
  }

  Architecture(
      List<String> ids, Gate gate, Renormalise renormalise, SharedSize shared, Part... parts) {
    this.ids = ids;
    this.gate = gate;
    this.renormalise = renormalise;
    this.shared = shared;
    this.parts = Set.of(parts);
  }

  /// The architecture of this name.
  ///
  /// @throws LayerException for an unknown one, with the list of known ones; for one that is
  ///   refused, with the reason
  static Architecture named(String id) {
    for (Architecture architecture : values()) {
      if (architecture.ids.contains(id)) {
        return architecture;
      }
    }
    String reason = REFUSED.get(id);
    if (reason != null) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "architecture \"%s\" is not supported, since %s: run this model with llama.cpp",
              id,
              reason));
    }
    throw new LayerException(
        String.format(
            Locale.ROOT,
            "architecture \"%s\" is not supported for GGUF (supported: %s)",
            id.length() > LONGEST_NAME ? id.substring(0, LONGEST_NAME) + "..." : id,
            Arrays.stream(values())
                .flatMap(architecture -> architecture.ids.stream())
                .sorted()
                .collect(Collectors.joining(", "))));
  }

  Gate gate() {
    return gate;
  }

  Renormalise renormalise() {
    return renormalise;
  }

  SharedSize shared() {
    return shared;
  }

  boolean has(Part part) {
    return parts.contains(part);
  }

  /// The names by which files call it.
  List<String> ids() {
    return ids;
  }
}
