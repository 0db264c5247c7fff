package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// A model of a real one's size with random weights, to measure: experts of 4 bits with a BF16
/// scale for 32 columns, all else BF16.
public final class MadeUpModel implements DecoderModel.Source {
  private static final WeightFormat BF16 = WeightFormat.dense(DType.BF16);
  private static final WeightFormat INT4 = WeightFormat.int4(DType.BF16, 32, false, false);

  private static final int PROMPT = 256;

  private final DecoderConfig config;
  private final int experts;
  private final int topK;
  private final int intermediate;
  private final SplittableRandom seeds = new SplittableRandom(42);

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
    int some = layers == 0 ? all : layers;
    DecoderConfig config =
        new DecoderConfig(2048, some, 32, 4, 128, 1e-6f, 1e6, 151_936, 40_960, false, List.of());
    return new MadeUpModel(config, 128, 8, 768);
  }

  /// Some tokens to begin with.
  static int[] prompt(DecoderConfig config) {
    return IntStream.range(0, PROMPT).map(i -> i * 7919 % config.vocabulary()).toArray();
  }

  /// Makes its weights up, except for the experts', which are made when they are loaded.
  public DecoderModel make() {
    return DecoderModel.of(config, this, () -> {});
  }

  @Override
  public WeightMatrix matrix(String module, int rows, int columns) {
    return weight(module, rows, columns, BF16).load(Arena.ofAuto());
  }

  @Override
  public float[] norm(String module, int size) {
    float[] ones = new float[size];
    Arrays.fill(ones, 1);
    return ones;
  }

  @Override
  public MoeLayer moe(int layer) {
    Weight logits = weight("router", experts, config.hidden(), BF16);
    Router router = new Router(logits, null, null, TopKGating.softmax(topK, true));
    List<Mlp> mlps = Stream.generate(this::expert).limit(experts).toList();
    return MoeLayer.of(layer, router, ExpertWeights.of(mlps, Activation.SILU), null);
  }

  private Mlp expert() {
    return Mlp.gated(
        weight("gate", intermediate, config.hidden(), INT4),
        weight("up", intermediate, config.hidden(), INT4),
        weight("down", config.hidden(), intermediate, INT4));
  }

  private Weight weight(String name, int rows, int columns, WeightFormat format) {
    return Weight.synthetic(name, rows, columns, format, seeds.nextLong());
  }
}
