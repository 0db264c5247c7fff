package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.checkpoint.ModelConfig;
import java.util.List;
import java.util.Optional;

/// The sizes of a `qwen3_moe` model, beside those of its MoE layers.
///
/// @param hidden H
/// @param layers all of them MoE layers
/// @param heads query heads
/// @param keyValueHeads heads of keys and values, each for `heads / keyValueHeads` query heads
/// @param headDim elements of a head
/// @param epsilon of the RMS norms
/// @param ropeTheta the base of the rotary embedding's wavelengths
/// @param vocabulary how many tokens there are
/// @param positions the longest sequence
/// @param tied whether the embedding is also the head
/// @param endOfText tokens after which nothing is to come
public record DecoderConfig(
    int hidden,
    int layers,
    int heads,
    int keyValueHeads,
    int headDim,
    float epsilon,
    double ropeTheta,
    int vocabulary,
    int positions,
    boolean tied,
    List<Integer> endOfText) {

  /// Checked against each other.
  ///
  /// @throws DecoderException for heads that don't fit each other
  public DecoderConfig {
    if (heads % keyValueHeads != 0 || headDim % 4 != 0 || hidden % 2 != 0) {
      throw new DecoderException(
          "%d heads with %d key/value heads of %d elements, and %d columns: expected a multiple, a"
              + " multiple of 4, and an even number",
          heads, keyValueHeads, headDim, hidden);
    }
  }

  /// Elements of all query heads.
  public int queryWidth() {
    return heads * headDim;
  }

  /// Elements of all key heads, or of all value heads.
  public int keyValueWidth() {
    return keyValueHeads * headDim;
  }

  /// Refuses what is no token.
  ///
  /// @throws DecoderException naming it
  public void requireTokens(int... ids) {
    if (ids.length == 0) {
      throw new DecoderException("there are no tokens to go on with");
    }
    for (int id : ids) {
      if (id < 0 || id >= vocabulary) {
        throw new DecoderException(
            "token %d is not in the vocabulary, expected 0 to %d", id, vocabulary - 1);
      }
    }
  }

  /// What a model's `config.json` says, with the defaults of transformers' `Qwen3MoeConfig`.
  ///
  /// @throws DecoderException for another model type, or a variant that this example does not have
  public static DecoderConfig of(ModelConfig config) {
    if (!config.modelType().equals("qwen3_moe")) {
      throw new DecoderException(
          "%s: this example runs qwen3_moe, found model_type %s",
          config.file(), config.modelType());
    }
    for (String variant : List.of("attention_bias", "use_sliding_window")) {
      if (config.flagOr(false, variant)) {
        throw new DecoderException("%s: this example has no %s", config.file(), variant);
      }
    }
    Optional<ModelConfig> rope =
        config.section("rope_parameters").or(() -> config.section("rope_scaling"));
    rope.ifPresent(section -> {
      String type = section.string("rope_type").or(() -> section.string("type")).orElse("default");
      if (!type.equals("default")) {
        throw new DecoderException(
            "%s: this example has the default rotary embedding, found rope_type %s",
            config.file(), type);
      }
    });
    int hidden = config.positive("hidden_size");
    int heads = config.positive("num_attention_heads");
    double theta = config.numberOr(10_000, "rope_theta");
    return new DecoderConfig(
        hidden,
        config.positive("num_hidden_layers"),
        heads,
        config.positiveOr(heads, "num_key_value_heads"),
        config.positiveOr(hidden / heads, "head_dim"),
        (float) config.numberOr(1e-6, "rms_norm_eps"),
        rope.map(section -> section.numberOr(theta, "rope_theta")).orElse(theta),
        config.positive("vocab_size"),
        config.positiveOr(32_768, "max_position_embeddings"),
        config.flagOr(false, "tie_word_embeddings"),
        endOfText(config));
  }

  private static List<Integer> endOfText(ModelConfig config) {
    String name = "eos_token_id";
    if (config.isList(name)) {
      return config.integers(name).orElseThrow();
    }
    return config.isPresent(name) ? List.of(config.countOr(0, name)) : List.of();
  }
}
