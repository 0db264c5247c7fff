package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;

/// A model's sizes and weights. Those of the experts are loaded by the library.
///
/// @param embedding `[vocabulary, H]`
/// @param norm of H elements, before the head
/// @param head `[vocabulary, H]`
/// @param release gives back what holds the weights
public record DecoderModel(
    DecoderConfig config,
    WeightMatrix embedding,
    List<Layer> layers,
    Norm norm,
    WeightMatrix head,
    Runnable release)
    implements AutoCloseable {

  /// One layer. q, k and v are `[heads * headDim, H]` (k and v of their own heads), o `[H, heads *
  /// headDim]`.
  ///
  /// @param attentionNorm of H elements, before attention
  /// @param queryNorm of a head
  /// @param keyNorm of a head
  /// @param moeNorm of H elements, before the MoE layer
  public record Layer(
      Norm attentionNorm,
      WeightMatrix q,
      WeightMatrix k,
      WeightMatrix v,
      WeightMatrix o,
      Norm queryNorm,
      Norm keyNorm,
      Norm moeNorm,
      MoeLayer moe) {}

  /// Where weights come from, by their names in checkpoints.
  interface Source {
    WeightMatrix matrix(String module, int rows, int columns);

    float[] norm(String module, int size);

    MoeLayer moe(int layer);
  }

  /// Opens a model as Hugging Face lays it out. Matrices of F32 and BF16 stay in the mapped files.
  ///
  /// @throws dev.tornadomoe.MoeException when it is none that this example runs, or its files are
  ///   broken
  public static DecoderModel open(Path directory) {
    Checkpoint checkpoint = Checkpoint.open(directory);
    try {
      DecoderConfig config = DecoderConfig.of(checkpoint.config());
      return of(config, new Files(checkpoint, MoeModel.of(checkpoint)), checkpoint::close);
    } catch (RuntimeException | Error e) {
      checkpoint.close();
      throw e;
    }
  }

  /// A model of weights from anywhere.
  static DecoderModel of(DecoderConfig config, Source source, Runnable release) {
    int hidden = config.hidden();
    int vocabulary = config.vocabulary();
    WeightMatrix embedding = source.matrix("model.embed_tokens", vocabulary, hidden);
    return new DecoderModel(
        config,
        embedding,
        IntStream.range(0, config.layers()).mapToObj(i -> layer(config, source, i)).toList(),
        new Norm(source.norm("model.norm", hidden), config.epsilon()),
        config.tied() ? embedding : source.matrix("lm_head", vocabulary, hidden),
        release);
  }

  private static Layer layer(DecoderConfig config, Source source, int index) {
    String prefix = "model.layers." + index + ".";
    String attention = prefix + "self_attn.";
    int hidden = config.hidden();
    float epsilon = config.epsilon();
    return new Layer(
        new Norm(source.norm(prefix + "input_layernorm", hidden), epsilon),
        source.matrix(attention + "q_proj", config.queryWidth(), hidden),
        source.matrix(attention + "k_proj", config.keyValueWidth(), hidden),
        source.matrix(attention + "v_proj", config.keyValueWidth(), hidden),
        source.matrix(attention + "o_proj", hidden, config.queryWidth()),
        new Norm(source.norm(attention + "q_norm", config.headDim()), epsilon),
        new Norm(source.norm(attention + "k_norm", config.headDim()), epsilon),
        new Norm(source.norm(prefix + "post_attention_layernorm", hidden), epsilon),
        source.moe(index));
  }

  private record Files(Checkpoint checkpoint, MoeModel model) implements Source {
    @Override
    public WeightMatrix matrix(String module, int rows, int columns) {
      return checkpoint.linear(module, rows, columns).load(Arena.ofAuto());
    }

    @Override
    public float[] norm(String module, int size) {
      return checkpoint.require(module + ".weight", size).toFloats();
    }

    @Override
    public MoeLayer moe(int layer) {
      return model.layer(layer);
    }
  }

  @Override
  public void close() {
    release.run();
  }
}
