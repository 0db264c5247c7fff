package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.checkpoint.ModelConfig;
import java.util.List;
import java.util.Optional;

/// The sizes of a `qwen3_moe` model, beside those of its MoE layers.
///
/// @param hidden H
/// @param kvHeads heads of keys and values, each for `heads / kvHeads` query heads
/// @param epsilon of the RMS norms
/// @param ropeTheta the base of the rotary embedding's wavelengths
/// @param positions the longest sequence
/// @param tied whether the embedding is also the head
/// @param endOfText tokens after which nothing is to come
public record DecoderConfig(
    int hidden,
    int layers,
    int heads,
    int kvHeads,
    int headDim,
    float epsilon,
    double ropeTheta,
    int vocabulary,
    int positions,
    boolean tied,
    List<Integer> endOfText) {

  /// Elements of all query heads.
  public int queryWidth() {
    return heads * headDim;
  }

  /// Elements of all key heads, or of all value heads.
  public int kvWidth() {
    return kvHeads * headDim;
  }

  /// What a model's `config.json` says, with the defaults of transformers' `Qwen3MoeConfig`.
  ///
  /// @throws dev.tornadomoe.MoeException for another model type, or a variant that this example
  ///   does not have
  static DecoderConfig of(ModelConfig config) {
    config.expect("model_type", "qwen3_moe");
    for (String variant : List.of("attention_bias", "use_sliding_window")) {
      if (config.flagOr(false, variant)) {
        throw new DecoderException(config.file() + ": this example has no " + variant);
      }
    }
    Optional<ModelConfig> rope =
        config.section("rope_parameters").or(() -> config.section("rope_scaling"));
    rope.ifPresent(section -> {
      section.expect("rope_type", "default");
      section.expect("type", "default"); // its older name
    });
    int hidden = config.positive("hidden_size");
    int heads = config.positive("num_attention_heads");
    int kvHeads = config.positiveOr(heads, "num_key_value_heads");
    int headDim = config.positiveOr(hidden / heads, "head_dim");
    if (heads % kvHeads != 0 || headDim % 2 != 0 || hidden % 2 != 0) {
      throw new DecoderException(
          config.file()
              + ": num_attention_heads must be a multiple of num_key_value_heads, and"
              + " head_dim and hidden_size even");
    }
    double theta = config.numberOr(10_000, "rope_theta");
    String end = "eos_token_id";
    return new DecoderConfig(
        hidden,
        config.positive("num_hidden_layers"),
        heads,
        kvHeads,
        headDim,
        (float) config.numberOr(1e-6, "rms_norm_eps"),
        rope.map(section -> section.numberOr(theta, "rope_theta")).orElse(theta),
        config.positive("vocab_size"),
        config.positiveOr(32_768, "max_position_embeddings"),
        config.flagOr(false, "tie_word_embeddings"),
        config.isList(end) ? config.integers(end).orElseThrow() : List.of(config.countOr(-1, end)));
  }
}
