package dev.tornadomoe.layer.gguf;

import dev.tornadomoe.checkpoint.GgufBytes;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/// A GGUF model with one block of F32 tensors in llama.cpp's names, each element a function of its
/// place, to be changed by a test: H 6, I 4, E 3, top-2, shared experts of 5.
final class GgufBlock {
  static final int H = 6;
  static final int I = 4;
  static final int E = 3;
  static final int SHARED = 5;

  private final String architecture;
  private final Map<String, TensorView> tensors = new LinkedHashMap<>();
  private final Map<String, Object> keys = new LinkedHashMap<>();

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

  /// An `Integer`, `Float` or `Boolean`, under the architecture's name.
  GgufBlock key(String key, Object value) {
    keys.put(key, value);
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

  GgufBlock without(String tensor) {
    if (tensors.remove("blk.0." + tensor) == null) {
      throw new IllegalArgumentException(tensor);
    }
    return this;
  }

  GgufBlock withShared() {
    return put("ffn_gate_shexp.weight", SHARED, H)
        .put("ffn_up_shexp.weight", SHARED, H)
        .put("ffn_down_shexp.weight", H, SHARED)
        .key("expert_shared_feed_forward_length", SHARED);
  }

  Path write(Path directory) {
    GgufBytes file = GgufBytes.of(architecture);
    keys.forEach((key, value) -> {
      String full = architecture + "." + key;
      switch (value) {
        case Integer number -> file.integer(full, number);
        case Float number -> file.number(full, number);
        case Boolean flag -> file.flag(full, flag);
        default -> throw new IllegalArgumentException(key);
      }
    });
    tensors.values().forEach(file::tensor);
    return file.write(directory.resolve("model.gguf"));
  }
}
