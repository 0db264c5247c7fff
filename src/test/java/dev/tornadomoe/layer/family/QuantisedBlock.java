package dev.tornadomoe.layer.family;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.quant.CompressedTensorsPacking;
import dev.tornadomoe.checkpoint.quant.Int4Values;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.DType;
import java.util.Locale;
import java.util.Objects;

/// The 4-bit tensors of an MoE block, each projection's values from its own seed.
final class QuantisedBlock {
  static final int H = 32;
  static final int I = 16;
  static final int E = 8;
  static final int GROUP = 16;

  private QuantisedBlock() {}

  interface Packing {
    TensorSet pack(String module, Int4Values values);
  }

  static TensorSet experts(String prefix, String gate, String up, String down, Packing packing) {
    TensorSet tensors = new TensorSet();
    for (int e = 0; e < E; e++) {
      String expert = prefix + "experts." + e + ".";
      tensors
          .putAll(packing.pack(expert + gate, values("gate", e, I, H)))
          .putAll(packing.pack(expert + up, values("up", e, I, H)))
          .putAll(packing.pack(expert + down, values("down", e, H, I)));
    }
    return tensors;
  }

  /// With `gate_proj`, `up_proj` and `down_proj`.
  static TensorSet experts(String prefix, Packing packing) {
    return experts(prefix, "gate_proj", "up_proj", "down_proj", packing);
  }

  static TensorSet shared(String module, Packing packing) {
    return packing
        .pack(module + ".gate_proj", values("shared gate", 0, I, H))
        .putAll(packing.pack(module + ".up_proj", values("shared up", 0, I, H)))
        .putAll(packing.pack(module + ".down_proj", values("shared down", 0, H, I)));
  }

  static Int4Values values(String what, int expert, int rows, int columns) {
    return Int4Values.asymmetric(what.hashCode() * 31L + expert, rows, columns, GROUP);
  }

  static TensorSet compressed(String module, Int4Values values) {
    return CompressedTensorsPacking.asymmetric(module, values, DType.BF16);
  }

  /// The `quantization_config` of [#compressed].
  static String compressedConfig(String ignore) {
    return String.format(
        Locale.ROOT,
        """
        {"quant_method": "compressed-tensors", "format": "pack-quantized", "ignore": [%s],
          "config_groups": {"group_0": {"targets": ["Linear"], "weights":
            {"num_bits": 4, "strategy": "group", "group_size": 16, "symmetric": false}}}}
        """,
        ignore);
  }

  /// The config of a model with blocks of this size.
  static FamilyConfig config(String family) {
    FamilyConfig config = FamilyConfig.of(family).with("hidden_size", H);
    return switch (family) {
      case "qwen3_moe" -> config.with("moe_intermediate_size", I).with("num_experts", E);
      case "deepseek_v3" -> config.with("moe_intermediate_size", I).with("n_routed_experts", E);
      default -> config.with("intermediate_size", I).with("num_local_experts", E);
    };
  }

  static void assertExperts(MoeLayer layer) {
    assertThat(layer.experts().local()).hasSize(E);
    for (int e = 0; e < E; e++) {
      assertMlp(layer.experts().local().get(e), "", e);
    }
  }

  /// @param prefix `shared ` for the shared expert
  static void assertMlp(Mlp mlp, String prefix, int expert) {
    values(prefix + "gate", expert, I, H).assertDecodedBy(Objects.requireNonNull(mlp.gate()));
    values(prefix + "up", expert, I, H).assertDecodedBy(mlp.up());
    values(prefix + "down", expert, H, I).assertDecodedBy(mlp.down());
  }
}
