package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.family.MoeModel;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;

/// Reads a model from a directory as Hugging Face lays it out.
public final class CheckpointReader {
  private final Checkpoint checkpoint;
  private final Arena arena = Arena.ofAuto();
  private final DecoderConfig config;
  private final MoeModel moe;

  private CheckpointReader(Checkpoint checkpoint) {
    this.checkpoint = checkpoint;
    this.config = DecoderConfig.of(checkpoint.config());
    this.moe = MoeModel.of(checkpoint);
  }

  /// Opens a model. Matrices of F32 and BF16 stay in the mapped files.
  ///
  /// @throws dev.tornadomoe.MoeException when it is none that this example runs, or its files are
  ///   broken
  public static DecoderModel open(Path directory) {
    Checkpoint checkpoint = Checkpoint.open(directory);
    try {
      return new CheckpointReader(checkpoint).read();
    } catch (RuntimeException | Error e) {
      checkpoint.close();
      throw e;
    }
  }

  private DecoderModel read() {
    int vocabulary = config.vocabulary();
    Matrix embedding = matrix("model.embed_tokens", vocabulary, config.hidden());
    List<DecoderModel.Layer> layers =
        IntStream.range(0, config.layers()).mapToObj(this::layer).toList();
    Matrix head = config.tied() ? embedding : matrix("lm_head", vocabulary, config.hidden());
    return new DecoderModel(
        config, embedding, layers, norm("model.norm", config.hidden()), head, checkpoint::close);
  }

  private DecoderModel.Layer layer(int index) {
    String prefix = "model.layers." + index + ".";
    String attention = prefix + "self_attn.";
    int hidden = config.hidden();
    return new DecoderModel.Layer(
        norm(prefix + "input_layernorm", hidden),
        matrix(attention + "q_proj", config.queryWidth(), hidden),
        matrix(attention + "k_proj", config.keyValueWidth(), hidden),
        matrix(attention + "v_proj", config.keyValueWidth(), hidden),
        matrix(attention + "o_proj", hidden, config.queryWidth()),
        norm(attention + "q_norm", config.headDim()),
        norm(attention + "k_norm", config.headDim()),
        norm(prefix + "post_attention_layernorm", hidden),
        moe.layer(index));
  }

  private Matrix matrix(String module, int rows, int columns) {
    return Matrix.of(module, checkpoint.linear(module, rows, columns).load(arena), arena);
  }

  private Norm norm(String module, int size) {
    return new Norm(checkpoint.require(module + ".weight", size).toFloats(), config.epsilon());
  }
}
