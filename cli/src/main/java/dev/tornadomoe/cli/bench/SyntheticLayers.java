package dev.tornadomoe.cli.bench;

import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/// Layers of a preset's sizes with made-up weights: routers and gates in BF16, experts in the
/// format asked for.
public final class SyntheticLayers {
  private final Preset preset;
  private final WeightFormat format;
  private final SplittableRandom seeds = new SplittableRandom(42);

  public SyntheticLayers(Preset preset, WeightFormat format) {
    this.preset = preset;
    this.format = format;
  }

  public List<MoeLayer> make(int count) {
    List<MoeLayer> layers = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      layers.add(layer(i));
    }
    return layers;
  }

  private MoeLayer layer(int index) {
    List<Mlp> experts = new ArrayList<>(preset.experts());
    for (int e = 0; e < preset.experts(); e++) {
      experts.add(
          mlp(String.format(Locale.ROOT, "layer %d expert %d", index, e), preset.intermediate()));
    }
    SharedExperts shared =
        preset.sharedIntermediate() == 0
            ? null
            : new SharedExperts(
                mlp(
                    String.format(Locale.ROOT, "layer %d shared expert", index),
                    preset.sharedIntermediate()),
                preset.sharedGate()
                    ? dense(String.format(Locale.ROOT, "layer %d shared gate", index), 1)
                    : null);
    Router router =
        new Router(
            dense(String.format(Locale.ROOT, "layer %d router", index), preset.experts()),
            preset.biases() ? bias("router bias", preset.experts()) : null,
            preset.correctionBias() ? bias("correction bias", preset.experts()) : null,
            preset.gating());
    return MoeLayer.of(index, router, ExpertWeights.of(experts, preset.activation()), shared);
  }

  private Mlp mlp(String name, int intermediate) {
    int hidden = preset.hidden();
    return new Mlp(
        weight(name + " gate", intermediate, hidden),
        weight(name + " up", intermediate, hidden),
        weight(name + " down", hidden, intermediate),
        preset.biases() ? bias(name + " gate bias", intermediate) : null,
        preset.biases() ? bias(name + " up bias", intermediate) : null,
        preset.biases() ? bias(name + " down bias", hidden) : null);
  }

  private Weight weight(String name, int rows, int columns) {
    return Weight.synthetic(name, rows, columns, format, seeds.nextLong());
  }

  private Weight dense(String name, int rows) {
    WeightFormat bf16 = WeightFormat.dense(DType.BF16);
    return Weight.synthetic(name, rows, preset.hidden(), bf16, seeds.nextLong());
  }

  private Bias bias(String name, int size) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) seeds.nextDouble(-0.1, 0.1);
    }
    return Bias.of(new TensorView(name, DType.F32, Shape.of(size), MemorySegment.ofArray(values)));
  }
}
