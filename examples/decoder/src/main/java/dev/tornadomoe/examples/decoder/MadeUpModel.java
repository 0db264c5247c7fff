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
/// scale for 32 columns, all else BF16. The experts' weights are made when they are loaded.
///
/// @param experts E
/// @param topK experts for each token
/// @param intermediate I of an expert
/// @param seeds of the weights
public record MadeUpModel(
    DecoderConfig config, int experts, int topK, int intermediate, SplittableRandom seeds) {
  private static final WeightFormat BF16 = WeightFormat.dense(DType.BF16);
  private static final WeightFormat INT4 = WeightFormat.int4(DType.BF16, 32, false, false);

  /// The sizes of a model by its name, from its published `config.json`.
  ///
  /// @param layers how many, 0 for all
  static DecoderModel named(String name, int layers) {
    if (!name.equals("qwen3-30b-a3b") || layers < 0 || layers > 48) {
      throw new DecoderException("there is qwen3-30b-a3b, with 1 to 48 layers");
    }
    int some = layers == 0 ? 48 : layers;
    DecoderConfig config =
        new DecoderConfig(2048, some, 32, 4, 128, 1e-6f, 1e6, 151_936, 40_960, false, List.of());
    return new MadeUpModel(config, 128, 8, 768, new SplittableRandom(42)).make();
  }

  public DecoderModel make() {
    WeightMatrix embedding = matrix(config.vocabulary(), config.hidden());
    return new DecoderModel(
        config,
        embedding,
        IntStream.range(0, config.layers()).mapToObj(this::layer).toList(),
        norm(config.hidden()),
        matrix(config.vocabulary(), config.hidden()));
  }

  private DecoderModel.Layer layer(int index) {
    return new DecoderModel.Layer(
        norm(config.hidden()),
        matrix(config.queryWidth(), config.hidden()),
        matrix(config.kvWidth(), config.hidden()),
        matrix(config.kvWidth(), config.hidden()),
        matrix(config.hidden(), config.queryWidth()),
        norm(config.headDim()),
        norm(config.headDim()),
        norm(config.hidden()),
        moe(index));
  }

  private Norm norm(int size) {
    float[] ones = new float[size];
    Arrays.fill(ones, 1);
    return new Norm(ones, config.epsilon());
  }

  private MoeLayer moe(int index) {
    Weight logits = weight(experts, config.hidden(), BF16);
    Router router = new Router(logits, null, null, TopKGating.softmax(topK, true));
    List<Mlp> mlps = Stream.generate(this::expert).limit(experts).toList();
    return MoeLayer.of(index, router, ExpertWeights.of(mlps, Activation.SILU), null);
  }

  private Mlp expert() {
    return Mlp.gated(
        weight(intermediate, config.hidden(), INT4),
        weight(intermediate, config.hidden(), INT4),
        weight(config.hidden(), intermediate, INT4));
  }

  private WeightMatrix matrix(int rows, int columns) {
    return weight(rows, columns, BF16).load(Arena.ofAuto());
  }

  private Weight weight(int rows, int columns, WeightFormat format) {
    return Weight.synthetic("made up", rows, columns, format, seeds.nextLong());
  }
}
