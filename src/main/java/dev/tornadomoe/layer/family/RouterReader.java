package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Gating;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.RouterMlp;
import dev.tornadomoe.layer.TableGating;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.layer.WeightedNorm;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Reads the router of one layer.
///
/// @param index the layer's
/// @param block what stands before the names of the block's parts, ending in a dot
/// @param name the router's, inside the block
record RouterReader(
    Checkpoint checkpoint, ModelLayout layout, int index, String block, String name) {

  Router read() {
    RouterLayout router = layout.router();
    return new Router(
        weight(block + name),
        router.bias() ? Bias.of(checkpoint.require(block + name + ".bias", layout.routed())) : null,
        correctionBias(router),
        expertScale(router),
        gating(router),
        mlp(router.mlp()));
  }

  private Weight weight(String router) {
    RouterMlpLayout mlp = layout.router().mlp();
    int columns = mlp == null ? layout.hidden() : mlp.size();
    return layout.part().routerColumns() == null
        ? checkpoint.linear(router, layout.routed(), columns)
        : Weight.transposed(
            checkpoint.require(router, columns, layout.routed()), layout.routed(), 0, 1);
  }

  private @Nullable Bias correctionBias(RouterLayout router) {
    List<String> names = router.correctionBiases();
    if (names.isEmpty() || table() != null) {
      return null;
    }
    String bias =
        block
            + names.stream()
                .filter(n -> checkpoint.tensorNames().contains(block + n))
                .findFirst()
                .orElse(names.getFirst());
    int size = layout.experts() + layout.identityExperts();
    return Bias.of(
        router.correctionIsRow()
            ? checkpoint.require(bias, layout.part().routers(), size).at(layout.part().router())
            : checkpoint.require(bias, size));
  }

  private @Nullable Bias expertScale(RouterLayout router) {
    if (router.skips()) {
      return skipping();
    }
    String scale = router.expertScale();
    return scale == null ? null : Bias.of(checkpoint.require(block + scale, layout.routed()));
  }

  /// Experts without weights return what they get, and of these it counts 0 times.
  private Bias skipping() {
    float[] scale = new float[layout.routed()];
    Arrays.fill(scale, 0, layout.weighed(), 1);
    return Bias.of(
        new TensorView(
            "scale of skipping experts",
            DType.F32,
            Shape.of(scale.length),
            MemorySegment.ofArray(scale)));
  }

  /// The table of token ids, where this layer has one.
  private @Nullable TableLayout table() {
    TableLayout table = layout.router().table();
    return table != null && table.layers().contains(index) ? table : null;
  }

  /// The gating, with the table of token ids and the factor that are stored beside the router.
  private Gating gating(RouterLayout router) {
    if (!(layout.gating() instanceof TopKGating topK)) {
      return layout.gating();
    }
    TopKGating scores = scaled(router.scale(), topK);
    TableLayout table = table();
    return table == null
        ? scores
        : new TableGating(
            checkpoint.requireIntegers(block + table.name(), table.vocabulary(), scores.topK()),
            scores);
  }

  private TopKGating scaled(@Nullable String tensor, TopKGating gating) {
    if (tensor == null) {
      return gating;
    }
    float scale = checkpoint.require(block + tensor, 1).getFloat(0);
    if (!Float.isFinite(scale)) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is %s, expected a finite number",
              checkpoint.fileOf(block + tensor),
              block + tensor,
              scale));
    }
    return gating.scaled(gating.scale() * scale);
  }

  private @Nullable RouterMlp mlp(@Nullable RouterMlpLayout mlp) {
    if (mlp == null) {
      return null;
    }
    int size = mlp.size();
    return new RouterMlp(
        linear(mlp.in(), size, layout.hidden()),
        index == 0 ? null : Bias.of(checkpoint.require(block + mlp.statesScale(), size)),
        new WeightedNorm(mlp.norm(), checkpoint.require(block + mlp.normWeights(), size), 1),
        mlp.hidden().stream().map(hidden -> linear(hidden, size, size)).toList(),
        mlp.activation());
  }

  private RouterMlp.Linear linear(String module, int rows, int columns) {
    return new RouterMlp.Linear(
        checkpoint.linear(block + module, rows, columns),
        Bias.of(checkpoint.require(block + module + ".bias", rows)));
  }
}
