package dev.tornadomoe.contract;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.layer.SparseMixer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.tensor.BlockMatrix;
import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.block.BlockFormats;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/// The kinds of layers that a backend must compute.
final class LayerSpecs {
  private LayerSpecs() {}

  /// All, each beside a layer that has nothing else unusual.
  static List<LayerSpec> all() {
    LayerSpec odd = LayerSpec.odd();
    LayerSpec even =
        odd.with(WeightFormat.int4(DType.BF16, 32, false, false))
            .sized(128, 64, 16, TopKGating.softmax(4, true));
    return Stream.of(
            Stream.of(
                odd,
                odd.sized(64, 32, 8, TopKGating.softmax(2, true)),
                odd.sized(40, 24, 1, TopKGating.softmax(1, true)),
                odd.sized(72, 100, 7, TopKGating.softmax(7, false)),
                odd.sized(17, 3, 6, TopKGating.softmax(2, true)),
                even),
            formats().map(odd::with),
            formats().map(even::with),
            blocks().map(blockLayer(odd)::with),
            activations().map(change -> change.apply(odd)),
            gatings(odd),
            Stream.of(own(odd)),
            Stream.of(
                odd.withBiases(),
                even.withBiases(),
                odd.withBiases().with(Activation.swigluOai(7), true).named("gpt-oss-like"),
                odd.withShared(24, false),
                odd.withShared(56, true),
                even.withShared(64, true),
                odd.with(Activation.swigluClamped(0.4f), true)
                    .withShared(40, false)
                    .withSharedActivation(Activation.SILU),
                odd.withShared(40, true).withSharedActivation(Activation.swigluStep(0.25f)),
                odd.withLatent(24),
                // As wide as the layer's rows.
                odd.withShared(56, false).withLatent(96),
                odd.with(Activation.RELU_SQUARED, false)
                    .withShared(56, false)
                    .withBiases()
                    .withLatent(40),
                odd.withIdentities(4),
                odd.withIdentities(9).withShared(24, true),
                odd.withWeightOnInput(),
                odd.withWeightOnInput().withShared(40, false),
                odd.withExpertScales(),
                odd.withInputNorms(),
                odd.withOutputNorm(),
                odd.withInputNorms().withOutputNorm().withShared(24, true),
                odd.withWeightOnInput().withInputNorms()))
        .flatMap(s -> s)
        .toList();
  }

  /// Few layers that have all of it: each size, format, activation, routing function and addition
  /// is in one of them.
  static List<LayerSpec> mixed() {
    LayerSpec odd = LayerSpec.odd();
    List<LayerSpec> bases =
        Stream.concat(
                Stream.of(
                    odd.withBiases(),
                    odd.sized(64, 32, 8, TopKGating.softmax(2, true)).withShared(24, false),
                    odd.sized(40, 24, 1, TopKGating.softmax(1, true)).withShared(56, true),
                    odd.sized(72, 100, 7, TopKGating.softmax(7, false)).withIdentities(4),
                    odd.sized(17, 3, 6, TopKGating.softmax(2, true))
                        .withIdentities(9)
                        .withShared(24, true),
                    odd.sized(128, 64, 16, TopKGating.softmax(4, true)),
                    odd.withWeightOnInput(),
                    odd.withWeightOnInput().withShared(40, false),
                    odd.withShared(40, true).withSharedActivation(Activation.swigluStep(0.25f)),
                    odd.withShared(56, true).withLatent(40)),
                gatings(odd))
            .toList();
    List<WeightFormat> formats = formats().toList();
    // The last one first: it is the one that models have together with biases.
    List<UnaryOperator<LayerSpec>> activations = activations().toList().reversed();
    List<LayerSpec> layers = new ArrayList<>();
    for (int i = 0; i < bases.size(); i++) {
      LayerSpec layer = bases.get(i).with(formats.get(i % formats.size()));
      layers.add(activations.get(i % activations.size()).apply(layer));
    }
    blocks().map(blockLayer(odd)::with).forEach(layers::add);
    layers.add(odd.withInputNorms().withExpertScales().withShared(24, true));
    layers.add(odd.withWeightOnInput().withInputNorms());
    layers.add(odd.withShared(56, false).withLatent(96));
    layers.add(odd.withOutputNorm().withShared(24, true));
    layers.add(own(odd));
    return layers;
  }

  /// Its rows consist of whole blocks.
  private static LayerSpec blockLayer(LayerSpec odd) {
    return odd.sized(256, 512, 3, TopKGating.softmax(2, true));
  }

  private static Stream<WeightFormat> formats() {
    return Stream.of(
        WeightFormat.dense(DType.F32),
        WeightFormat.dense(DType.F16),
        WeightFormat.dense(DType.BF16),
        WeightFormat.int4(DType.BF16, 32, false, false),
        WeightFormat.int4(DType.F16, 64, true, false),
        WeightFormat.int4(DType.F32, 1024, false, false),
        WeightFormat.int4(DType.F16, 32, true, true),
        WeightFormat.int4(DType.F16, 128, false, true),
        WeightFormat.scaled(Coding.FP8, DType.F32, 128, 128),
        WeightFormat.scaled(Coding.FP8, DType.BF16, 1, 0),
        WeightFormat.scaled(Coding.FP8, DType.F16, 0, 0),
        WeightFormat.scaled(Coding.INT8, DType.BF16, 1, 0),
        new WeightFormat(Coding.INT8, DType.F32, 1, 32, true, false),
        WeightFormat.scaled(Coding.MXFP4, DType.F8_E8M0, 1, 32),
        WeightFormat.scaled(Coding.NVFP4, DType.F8_E4M3, 1, 16));
  }

  private static Stream<WeightFormat> blocks() {
    return Stream.of("Q4_K", "Q6_K")
        .map(name -> BlockMatrix.format(BlockFormats.named(name).orElseThrow()));
  }

  private static Stream<UnaryOperator<LayerSpec>> activations() {
    return Stream.of(
        layer -> layer.with(Activation.SILU, false),
        layer -> layer.with(Activation.GELU, true),
        layer -> layer.with(Activation.GELU, false),
        layer -> layer.with(Activation.GELU_TANH, true),
        layer -> layer.with(Activation.GELU_TANH, false),
        layer -> layer.with(Activation.RELU, true),
        layer -> layer.with(Activation.RELU_SQUARED, false),
        layer -> layer.with(Activation.swigluClamped(0.4f), true),
        layer -> layer.with(Activation.swigluStep(0.25f), true),
        layer -> layer.with(Activation.swigluOai(0.5f), true));
  }

  private static Stream<LayerSpec> gatings(LayerSpec odd) {
    LayerSpec twelve = odd.sized(96, 40, 12, TopKGating.softmax(3, false));
    return Stream.of(
        twelve.with("softmax, not renormalised", TopKGating.softmax(3, false), false),
        twelve.with("softmax of selected", TopKGating.softmaxOfSelected(3), false),
        twelve.with("scaled", TopKGating.softmax(3, true).scaled(2.5f), false),
        twelve.with(
            "grouped by max",
            TopKGating.softmax(3, false)
                .scaled(1.5f)
                .grouped(new TopKGating.Groups(4, 2, TopKGating.GroupScore.MAX)),
            false),
        twelve.with(
            "sigmoid, correction bias, grouped by two",
            new TopKGating(
                3,
                TopKGating.Scoring.SIGMOID,
                new TopKGating.Groups(3, 2, TopKGating.GroupScore.SUM_OF_TWO),
                true,
                2.5f),
            true),
        twelve.with(
            "sigmoid with its own epsilon",
            new TopKGating(3, TopKGating.Scoring.SIGMOID, null, true, 1.5f, 0.25f),
            true),
        twelve.with(
            "softmax with its own epsilon", TopKGating.softmax(3, true).withEpsilon(0.25f), false),
        twelve.with(
            "sigmoid, correction bias, grouped by two, others zeroed",
            new TopKGating(
                3,
                TopKGating.Scoring.SIGMOID,
                new TopKGating.Groups(3, 1, TopKGating.GroupScore.SUM_OF_TWO, true),
                true,
                2.5f),
            true),
        twelve.with("softmax by 2-norm", TopKGating.softmax(3, true).withNorm(2), false),
        twelve.with("softmax by 0.5-norm", TopKGating.softmax(3, true).withNorm(0.5f), false),
        twelve.with(
            "softmax of selected, whatever the norm",
            TopKGating.softmaxOfSelected(3).withNorm(2),
            false),
        twelve.with(
            "sigmoid, correction bias, the last two always",
            new TopKGating(3, TopKGating.Scoring.SIGMOID, null, true, 1.5f).withAlways(2),
            true),
        twelve.with("sparse mixer", new SparseMixer(0.01f), false),
        twelve.with("sparse mixer, wide", new SparseMixer(0.4f), false));
  }

  private static LayerSpec own(LayerSpec odd) {
    CustomGating gating = new CustomGating(2, LayerSpecs::lowestTwo);
    return odd.sized(96, 40, 12, TopKGating.softmax(3, false))
        .with("the user's own", gating, false);
  }

  private static void lowestTwo(float[] logits, int[] ids, float[] weights) {
    for (int slot = 0; slot < 2; slot++) {
      int best = -1;
      for (int e = 0; e < logits.length; e++) {
        if ((slot == 0 || e != ids[0]) && (best < 0 || logits[e] < logits[best])) {
          best = e;
        }
      }
      ids[slot] = best;
      weights[slot] = 0.25f + slot;
    }
  }
}
