package dev.tornadomoe.contract;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.Latent;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.OwnNorms;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.RouterMlp;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.layer.WeightedNorm;
import dev.tornadomoe.tensor.BFloat16;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/// Makes a layer in memory from a spec and a seed, with weights whose spread keeps activations near
/// 1.
public final class RandomLayer {
  private final LayerSpec spec;
  private final Random random;

  private RandomLayer(LayerSpec spec, long seed) {
    this.spec = spec;
    this.random = new Random(seed);
  }

  public static MoeLayer of(LayerSpec spec, long seed) {
    return new RandomLayer(spec, seed).make();
  }

  /// What is before a router's logits, where that is an MLP of two hidden layers.
  ///
  /// @param hidden H
  /// @param size R
  /// @param goesOn whether it needs the states of the layer before
  static RouterMlp routerMlp(
      int hidden, int size, boolean goesOn, Activation activation, long seed) {
    RandomLayer of = new RandomLayer(LayerSpec.odd(), seed);
    return new RouterMlp(
        of.linear("router in", size, hidden),
        goesOn ? of.bias("states scale", size) : null,
        of.norm("states norm", size),
        List.of(of.linear("router hidden 0", size, size), of.linear("router hidden 1", size, size)),
        activation);
  }

  private RouterMlp.Linear linear(String name, int rows, int columns) {
    return new RouterMlp.Linear(
        weight(name, rows, columns, WeightFormat.dense(DType.BF16)), bias(name + " bias", rows));
  }

  private MoeLayer make() {
    List<Mlp> experts = new ArrayList<>();
    for (int e = 0; e < spec.experts(); e++) {
      experts.add(mlp("expert " + e, spec.intermediate(), expertHidden()));
    }
    int routed = spec.experts() + spec.identityExperts();
    int always = spec.gating() instanceof TopKGating gating ? gating.always() : 0;
    WeightFormat bf16 = WeightFormat.dense(DType.BF16);
    Router router =
        new Router(
            weight("router", routed, spec.hidden(), bf16),
            spec.biases() ? bias("router bias", routed) : null,
            spec.correctionBias() ? bias("correction bias", routed - always) : null,
            spec.expertScales() ? bias("expert scale", routed) : null,
            spec.gating(),
            null);
    SharedExperts shared =
        spec.sharedIntermediate() == 0
            ? null
            : new SharedExperts(
                mlp("shared", spec.sharedIntermediate(), spec.hidden()),
                spec.sharedGate() ? weight("shared gate", 1, spec.hidden(), bf16) : null,
                spec.sharedActivation());
    return new MoeLayer(
        3,
        spec.gating().topK(),
        router,
        new ExpertWeights(experts, map(), spec.activation()),
        shared,
        spec.weightOnInput(),
        spec.identityExperts(),
        spec.latent() == 0 ? null : latent(),
        new OwnNorms(
            spec.inputNorms() ? norm("router norm") : null,
            spec.inputNorms() ? norm("experts norm") : null,
            spec.outputNorm() ? norm("output norm") : null));
  }

  private int expertHidden() {
    return spec.latent() == 0 ? spec.hidden() : spec.latent();
  }

  private Latent latent() {
    return new Latent(
        weight("latent in", spec.latent(), spec.hidden(), spec.format()),
        weight("latent out", spec.hidden(), spec.latent(), spec.format()),
        spec.biases() ? bias("latent in bias", spec.latent()) : null,
        spec.biases() ? bias("latent out bias", spec.hidden()) : null);
  }

  /// Much beside the mean square, so that it shows.
  private WeightedNorm norm(String name) {
    return norm(name, spec.hidden());
  }

  private WeightedNorm norm(String name, int size) {
    return new WeightedNorm(
        new RmsNorm(0.25f),
        floats(name, 1, size, DType.BF16, 1, true).at(0),
        0.5f + random.nextFloat());
  }

  private ExpertMap map() {
    int[] localOf = new int[spec.experts() + spec.identityExperts()];
    Arrays.setAll(localOf, e -> e < spec.experts() ? e : -1);
    return ExpertMap.of(localOf);
  }

  private Mlp mlp(String name, int intermediate, int hidden) {
    return new Mlp(
        spec.gated() ? weight(name + " gate", intermediate, hidden, spec.format()) : null,
        weight(name + " up", intermediate, hidden, spec.format()),
        weight(name + " down", hidden, intermediate, spec.format()),
        spec.biases() && spec.gated() ? bias(name + " gate bias", intermediate) : null,
        spec.biases() ? bias(name + " up bias", intermediate) : null,
        spec.biases() ? bias(name + " down bias", hidden) : null);
  }

  private Bias bias(String name, int size) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextGaussian() * 0.3f;
    }
    return Bias.of(new TensorView(name, DType.F32, Shape.of(size), MemorySegment.ofArray(values)));
  }

  private Weight weight(String name, int rows, int columns, WeightFormat format) {
    return Weight.of(name, matrix(name, rows, columns, format));
  }

  private WeightMatrix matrix(String name, int rows, int columns, WeightFormat format) {
    if (format.isInt4()) {
      return int4(name, rows, columns, format);
    }
    if (!format.isDense()) {
      return new RandomCoded(random, (n, r, c, type, spread) -> floats(n, r, c, type, spread, true))
          .make(name, rows, columns, format);
    }
    return new DenseMatrix(
        floats(name, rows, columns, format.element(), 1 / Math.sqrt(columns), false));
  }

  private TensorView floats(
      String name, int rows, int columns, DType type, double spread, boolean positive) {
    int count = rows * columns;
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (spread * (positive ? 0.5 + random.nextDouble() : random.nextGaussian()));
    }
    Shape shape = Shape.of(rows, columns);
    if (type == DType.F32) {
      return new TensorView(name, type, shape, nativeCopy(MemorySegment.ofArray(values)));
    }
    short[] halves = new short[count];
    for (int i = 0; i < count; i++) {
      halves[i] =
          type == DType.BF16 ? BFloat16.fromFloat(values[i]) : Float.floatToFloat16(values[i]);
    }
    return new TensorView(name, type, shape, nativeCopy(MemorySegment.ofArray(halves)));
  }

  /// Files are mapped and backends allocate: weights are seldom in a Java array.
  private static MemorySegment nativeCopy(MemorySegment array) {
    return Arena.ofAuto().allocate(array.byteSize(), 64).copyFrom(array);
  }

  private Int4Matrix int4(String name, int rows, int columns, WeightFormat format) {
    int groupSize = Math.min(format.groupSize(), columns);
    int groups = Math.ceilDiv(columns, groupSize);
    int[] words = random.ints((long) rows * Math.ceilDiv(columns, 8)).toArray();
    byte[] zeros = new byte[rows * groups];
    for (int i = 0; i < zeros.length; i++) {
      zeros[i] = (byte) random.nextInt(16);
    }
    int[] order = null;
    if (format.actOrder()) {
      List<Integer> shuffled = new ArrayList<>(IntStream.range(0, columns).boxed().toList());
      Collections.shuffle(shuffled, random);
      order = shuffled.stream().mapToInt(i -> i).toArray();
    }
    return new Int4Matrix(
        rows,
        columns,
        groupSize,
        MemorySegment.ofArray(words),
        floats(name, rows, groups, format.element(), 1 / (5 * Math.sqrt(columns)), true),
        format.zeroPoints() ? MemorySegment.ofArray(zeros) : null,
        order);
  }
}
