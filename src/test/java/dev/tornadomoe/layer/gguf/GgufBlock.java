package dev.tornadomoe.layer.gguf;

import dev.tornadomoe.checkpoint.gguf.GgufBytes;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/// A GGUF model with one block of F32 tensors in llama.cpp's names, each element a function of its
/// place, to be changed by a test: H 6, I 4, E 3, top-2, shared experts of 8.
final class GgufBlock {
  static final int H = 6;
  static final int I = 4;
  static final int E = 3;
  static final int SHARED = 2 * I;

  private final String architecture;
  private final Map<String, TensorView> tensors = new LinkedHashMap<>();
  private final Map<String, Object> keys = new LinkedHashMap<>();
  private int vocabulary;

  GgufBlock(String architecture) {
    this.architecture = architecture;
    key("block_count", 1).key("embedding_length", H).key("expert_count", E);
    key("expert_used_count", 2).key("expert_feed_forward_length", I);
    put("ffn_gate_inp.weight", E, H);
    put("ffn_gate_exps.weight", E, I, H);
    put("ffn_up_exps.weight", E, I, H);
    put("ffn_down_exps.weight", E, H, I);
  }

  /// What an element is.
  static float value(String tensor, long index) {
    return (Math.floorMod(tensor.hashCode() * 31 + (int) index * 7919, 255) - 127) / 64f;
  }

  /// A block with all that llama.cpp asks of the architecture: its selection bias, its biases, its
  /// shared expert, and sigmoid where there is no usual scoring.
  static GgufBlock whole(String name) {
    Architecture architecture = Architecture.named(name);
    GgufBlock block = new GgufBlock(name);
    if (architecture.gate() == Gate.NOT_STATED) {
      block.key("expert_gating_func", 2);
    }
    if (architecture.has(Part.REQUIRED_KEYS)) {
      block.key("expert_weights_norm", false).key("expert_weights_scale", 1f);
      block.key("swiglu_clamp_exp", 0f);
    }
    if (architecture.has(Part.REQUIRED_CORRECTION)) {
      block.put("exp_probs_b.bias", E);
    }
    if (architecture.has(Part.BIASES)) {
      block.put("ffn_gate_inp.bias", E).put("ffn_down_exps.bias", E, H);
      block.put("ffn_gate_exps.bias", E, I).put("ffn_up_exps.bias", E, I);
    }
    switch (architecture.shared()) {
      case STATED_OR_DENSE -> block.withShared().key("expert_shared_feed_forward_length", SHARED);
      case STATED_OR_EXPERT, AS_AN_EXPERT, COUNTED_OR_ONE, STATED_OR_COUNTED -> block.withShared(I);
      case NONE, STATED, COUNTED, COUNTED_STATED, IF_COUNTED -> {}
    }
    if (architecture.has(Part.SQUARED_RELU)) {
      block.without("ffn_gate_exps.weight");
    }
    if (architecture.has(Part.OWN_NORMS)) {
      block.key("attention.layer_norm_rms_epsilon", 1e-6f);
      block.put("ffn_gate_inp.scale", H).put("pre_ffw_norm_2.weight", H);
    }
    if (architecture.has(Part.SHARED_GATE)) {
      block.put("ffn_gate_inp_shexp.weight", H);
    }
    return name.equals("llama4") ? block.key("expert_used_count", 1) : block;
  }

  /// An `Integer`, `Float`, `Boolean` or array of floats, under the architecture's name.
  GgufBlock key(String key, Object value) {
    keys.put(key, value);
    return this;
  }

  /// So many tokens in the tokenizer's list.
  GgufBlock vocabulary(int tokens) {
    vocabulary = tokens;
    return this;
  }

  GgufBlock withoutKey(String key) {
    keys.remove(key);
    return this;
  }

  /// Adds or replaces a tensor of block 0.
  GgufBlock put(String tensor, long... shape) {
    return putAs("blk.0." + tensor, tensor, shape);
  }

  /// Adds a tensor with the values of another name.
  GgufBlock putAs(String name, String valuesOf, long... shape) {
    float[] values = new float[(int) Shape.of(shape).elements()];
    for (int i = 0; i < values.length; i++) {
      values[i] = value(valuesOf, i);
    }
    tensors.put(name, HeapTensors.f32(name, Shape.of(shape), values));
    return this;
  }

  /// Adds or replaces a table of token ids in block 0, I32.
  GgufBlock putTable(int k, int... experts) {
    String name = "blk.0.ffn_gate_tid2eid.weight";
    tensors.put(name, HeapTensors.i32(name, Shape.of(experts.length / k, k), experts));
    return this;
  }

  GgufBlock without(String tensor) {
    if (tensors.remove("blk.0." + tensor) == null) {
      throw new IllegalArgumentException(tensor);
    }
    return this;
  }

  GgufBlock withShared() {
    return withShared(SHARED);
  }

  GgufBlock withShared(int size) {
    return put("ffn_gate_shexp.weight", size, H)
        .put("ffn_up_shexp.weight", size, H)
        .put("ffn_down_shexp.weight", H, size);
  }

  Path write(Path directory) {
    GgufBytes file = GgufBytes.of(architecture);
    keys.forEach((key, value) -> {
      String full = architecture + "." + key;
      switch (value) {
        case float[] numbers -> file.numbers(full, numbers);

        case Integer number -> file.integer(full, number);
        case Float number -> file.number(full, number);
        case Boolean flag -> file.flag(full, flag);
        default -> throw new IllegalArgumentException(key);
      }
    });
    if (vocabulary > 0) {
      file.texts("tokenizer.ggml.tokens", vocabulary);
    }
    tensors.values().forEach(file::tensor);
    return file.write(directory.resolve("model.gguf"));
  }
}
