package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/// A model of a real one's size with random weights, to measure: experts of 4 bits with a BF16
/// scale for 32 columns, all else BF16.
public final class MadeUpModel {
  private final DecoderConfig config;
  private final int experts;
  private final int topK;
  private final int intermediate;
  private final Arena arena = Arena.ofAuto();
  private final SplittableRandom random = new SplittableRandom(42);

  /// A model's sizes.
  ///
  /// @param experts E
  /// @param topK experts for each token
  /// @param intermediate I of an expert
  public MadeUpModel(DecoderConfig config, int experts, int topK, int intermediate) {
    this.config = config;
    this.experts = experts;
    this.topK = topK;
    this.intermediate = intermediate;
  }

  /// The sizes of a model by its name, from its published `config.json`.
  ///
  /// @param layers how many, of at most those that it has; 0 for all
  /// @throws DecoderException for an unknown name
  public static MadeUpModel named(String name, int layers) {
    if (!name.equals("qwen3-30b-a3b")) {
      throw new DecoderException("there is no model \"%s\", expected qwen3-30b-a3b", name);
    }
    int all = 48;
    if (layers < 0 || layers > all) {
      throw new DecoderException("%s has 1 to %d layers, found %d", name, all, layers);
    }
    return new MadeUpModel(
        new DecoderConfig(
            2048,
            layers == 0 ? all : layers,
            32,
            4,
            128,
            1e-6f,
            1e6,
            151_936,
            40_960,
            false,
            List.of()),
        128,
        8,
        768);
  }

  /// Makes its weights up, except for the experts', which are made when they are loaded.
  public DecoderModel make() {
    int vocabulary = config.vocabulary();
    return new DecoderModel(
        config,
        matrix("embedding", vocabulary, config.hidden()),
        IntStream.range(0, config.layers()).mapToObj(this::layer).toList(),
        norm(config.hidden()),
        matrix("head", vocabulary, config.hidden()),
        () -> {});
  }

  private DecoderModel.Layer layer(int index) {
    int hidden = config.hidden();
    List<Mlp> mlps =
        IntStream.range(0, experts)
            .mapToObj(e ->
                Mlp.gated(
                    expert(index, e, "gate", intermediate, hidden),
                    expert(index, e, "up", intermediate, hidden),
                    expert(index, e, "down", hidden, intermediate)))
            .toList();
    Router router =
        new Router(
            Weight.dense(matrix("router", experts, hidden).values()),
            null,
            null,
            TopKGating.softmax(topK, true));
    return new DecoderModel.Layer(
        norm(hidden),
        matrix("q", config.queryWidth(), hidden),
        matrix("k", config.keyValueWidth(), hidden),
        matrix("v", config.keyValueWidth(), hidden),
        matrix("o", hidden, config.queryWidth()),
        norm(config.headDim()),
        norm(config.headDim()),
        norm(hidden),
        MoeLayer.of(index, router, ExpertWeights.of(mlps, Activation.SILU), null));
  }

  private Weight expert(int layer, int expert, String what, int rows, int columns) {
    String name = String.format(Locale.ROOT, "layer %d expert %d %s", layer, expert, what);
    return new MadeUpInt4(name, rows, columns, random.nextLong());
  }

  private Norm norm(int size) {
    float[] ones = new float[size];
    Arrays.fill(ones, 1);
    return new Norm(ones, config.epsilon());
  }

  /// BF16 with random signs and mantissas, and one exponent, so that a row's sum of squares is near
  /// 1: (1 to 2) squared is 7/3 in the mean.
  private Matrix matrix(String name, int rows, int columns) {
    int exponent = Math.getExponent(1 / Math.sqrt(columns * 7 / 3.0)) + 127;
    long exponents = 0x0080_0080_0080_0080L * exponent;
    MemorySegment bits = arena.allocate((long) rows * columns * Short.BYTES, 64);
    for (long at = 0; at < bits.byteSize(); at += Long.BYTES) {
      bits.set(ValueLayout.JAVA_LONG, at, (random.nextLong() & 0x807F_807F_807F_807FL) | exponents);
    }
    return new Matrix(new TensorView(name, DType.BF16, Shape.of(rows, columns), bits));
  }
}
