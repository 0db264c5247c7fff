package dev.tornadomoe.checkpoint.quant;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/// AutoRound's exports ([source](https://github.com/intel/auto-round)), as far as they are packed
/// as GPTQ or AWQ packs (`packing_format`), with fields of their own for some modules
/// (`extra_config`).
final class AutoRound {
  private AutoRound() {}

  static Quantization of(QuantizationJson config) {
    String packing = config.text("packing_format", "auto_round:auto_gptq");
    String type = config.text("data_type", "int");
    ModuleRules rules = ModuleRules.extraConfig(asGptqOrAwq(config));
    return switch (type.equals("int") ? packing : "") {
      case "auto_round:auto_gptq" -> new GptqQuantization(rules);
      case "auto_round:auto_awq" -> new AwqQuantization(rules);
      default ->
          (tensors, module, rows, columns) -> {
            throw config.unsupported(
                String.format(
                    Locale.ROOT,
                    "auto-round with data_type \"%s\" in packing_format \"%s\" (supported: int in"
                        + " auto_round:auto_gptq or auto_round:auto_awq)",
                    type,
                    packing));
          };
    };
  }

  /// The config in the others' words: zero points are there unless all are in the middle.
  private static QuantizationJson asGptqOrAwq(QuantizationJson config) {
    Map<String, Object> fields = new LinkedHashMap<>(config.json());
    fields.put("zero_point", !config.flag("sym", true));
    return new QuantizationJson(config.file(), fields);
  }
}
