package dev.tornadomoe.cli.bench;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Gating;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/// The sizes of well-known models' MoE layers, for measuring with made-up weights. From their
/// published `config.json`s.
///
/// @param name what `--preset` calls it
/// @param hidden H
/// @param intermediate I
/// @param experts E
/// @param sharedIntermediate I of the shared expert, 0 for none
/// @param sharedGate whether the shared expert has a sigmoid gate
/// @param moeLayers how many MoE layers the model has
/// @param gating how experts are chosen
/// @param correctionBias whether the router has a selection bias
/// @param biases whether router and projections have biases
/// @param activation between the projections
public record Preset(
    String name,
    int hidden,
    int intermediate,
    int experts,
    int sharedIntermediate,
    boolean sharedGate,
    int moeLayers,
    Gating gating,
    boolean correctionBias,
    boolean biases,
    Activation activation) {

  private static final List<Preset> ALL =
      List.of(
          plain("qwen3-30b-a3b", 2048, 768, 128, 0, 48, TopKGating.softmax(8, true)),
          plain("qwen3.5-35b-a3b", 2048, 512, 256, 512, 40, TopKGating.softmax(8, true)),
          plain("mixtral-8x7b", 4096, 14336, 8, 0, 32, TopKGating.softmax(2, true)),
          new Preset(
              "deepseek-v3",
              7168,
              2048,
              256,
              2048,
              false,
              58,
              new TopKGating(
                  8,
                  TopKGating.Scoring.SIGMOID,
                  new TopKGating.Groups(8, 4, TopKGating.GroupScore.SUM_OF_TWO),
                  true,
                  2.5f),
              true,
              false,
              Activation.SILU),
          new Preset(
              "gpt-oss-20b",
              2880,
              2880,
              32,
              0,
              false,
              24,
              TopKGating.softmaxOfSelected(4),
              false,
              true,
              Activation.swigluOai(7)));

  private static Preset plain(
      String name,
      int hidden,
      int intermediate,
      int experts,
      int shared,
      int layers,
      Gating gating) {
    return new Preset(
        name,
        hidden,
        intermediate,
        experts,
        shared,
        shared > 0,
        layers,
        gating,
        false,
        false,
        Activation.SILU);
  }

  /// The preset of this name.
  ///
  /// @throws LayerException for an unknown name, with the known ones
  public static Preset named(String name) {
    for (Preset preset : ALL) {
      if (preset.name.equals(name)) {
        return preset;
      }
    }
    throw new LayerException(
        String.format(
            Locale.ROOT,
            "there is no preset \"%s\" (there are: %s)",
            name,
            ALL.stream().map(Preset::name).collect(Collectors.joining(", "))));
  }
}
