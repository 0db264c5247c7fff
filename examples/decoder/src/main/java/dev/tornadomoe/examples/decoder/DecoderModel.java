package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.stream.IntStream;

/// A model's sizes and weights. Those of the experts are loaded by the library.
///
/// @param embedding `[vocabulary, H]`
/// @param norm before the head
/// @param head `[vocabulary, H]`
public record DecoderModel(
    DecoderConfig config,
    WeightMatrix embedding,
    List<Layer> layers,
    Norm norm,
    WeightMatrix head) {

  /// One layer: q, k and v are `[heads * headDim, H]` (k and v of their own heads), o `[H, heads *
  /// headDim]`, the norms of q and k those of a head.
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

  /// A model as Hugging Face lays it out. Matrices of F32 and BF16 stay in the mapped files: the
  /// checkpoint must stay open.
  ///
  /// @throws dev.tornadomoe.MoeException when it is none that this example runs
  public static DecoderModel of(Checkpoint checkpoint) {
    DecoderConfig config = DecoderConfig.of(checkpoint.config());
    MoeModel model = MoeModel.of(checkpoint);
    int hidden = config.hidden();
    WeightMatrix embedding = matrix(checkpoint, "model.embed_tokens", config.vocabulary(), hidden);
    return new DecoderModel(
        config,
        embedding,
        IntStream.range(0, config.layers())
            .mapToObj(i -> layer(checkpoint, config, i, model.layer(i)))
            .toList(),
        norm(checkpoint, config, "model.norm", hidden),
        config.tied() ? embedding : matrix(checkpoint, "lm_head", config.vocabulary(), hidden));
  }

  private static Layer layer(Checkpoint from, DecoderConfig config, int index, MoeLayer moe) {
    String prefix = "model.layers." + index + ".";
    String attention = prefix + "self_attn.";
    int hidden = config.hidden();
    return new Layer(
        norm(from, config, prefix + "input_layernorm", hidden),
        matrix(from, attention + "q_proj", config.queryWidth(), hidden),
        matrix(from, attention + "k_proj", config.kvWidth(), hidden),
        matrix(from, attention + "v_proj", config.kvWidth(), hidden),
        matrix(from, attention + "o_proj", hidden, config.queryWidth()),
        norm(from, config, attention + "q_norm", config.headDim()),
        norm(from, config, attention + "k_norm", config.headDim()),
        norm(from, config, prefix + "post_attention_layernorm", hidden),
        moe);
  }

  private static WeightMatrix matrix(Checkpoint from, String module, int rows, int columns) {
    return from.linear(module, rows, columns).load(Arena.ofAuto());
  }

  private static Norm norm(Checkpoint from, DecoderConfig config, String module, int size) {
    return new Norm(from.require(module + ".weight", size).toFloats(), config.epsilon());
  }
}
