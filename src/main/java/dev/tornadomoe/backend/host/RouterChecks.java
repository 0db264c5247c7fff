package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.RouterMlp;
import dev.tornadomoe.layer.TableGating;
import dev.tornadomoe.layer.WeightedNorm;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightMatrix;
import dev.tornadomoe.tensor.mapped.MappedFile;
import dev.tornadomoe.tensor.mapped.MappedFiles;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Refuses routers that hold a NaN, when their weights are loaded: with one every token's result
/// would be NaN, and nothing would say where it comes from.
public final class RouterChecks {
  private RouterChecks() {}

  /// Looks at what a layer's router is made of, if it has one: weight, biases, scales of experts,
  /// the norm of what it gets, its MLP, a table of token ids.
  ///
  /// @throws BackendException for a NaN or for an expert that there is not, with file, tensor and
  ///   place, and for memory that is gone
  public static void requireNumbers(MoeLayer layer) {
    if (layer.router() != null) {
      requireNumbers(layer.router());
    }
    WeightedNorm norm = layer.norms().router();
    if (norm != null) {
      requireNumbers(norm.weights(), norm::factors, "column");
    }
  }

  private static void requireNumbers(Router router) {
    requireNumbers(router.weight(), "expert");
    if (router.mlp() != null) {
      requireNumbers(router.mlp());
    }
    requireNumbers(router.bias());
    requireNumbers(router.correctionBias());
    requireNumbers(router.expertScale());
    if (router.gating() instanceof TableGating table) {
      requireExperts(table, router.experts());
    }
  }

  private static void requireNumbers(RouterMlp mlp) {
    for (RouterMlp.Linear linear : mlp.linears()) {
      requireNumbers(linear.weight(), "row");
      requireNumbers(linear.bias(), "row");
    }
    requireNumbers(mlp.statesScale(), "column");
    requireNumbers(mlp.norm().weights(), mlp.norm()::factors, "column");
  }

  /// @param each what each row belongs to
  private static void requireNumbers(Weight weight, String each) {
    try (Arena arena = Arena.ofConfined()) {
      WeightMatrix matrix = weight.load(arena);
      new WeightMemory(matrix.memory()).requireAlive();
      float[] values = new float[matrix.columns()];
      for (int row = 0; row < matrix.rows(); row++) {
        matrix.decodeRow(row, values);
        int column = indexOfNan(values);
        if (column >= 0) {
          throw nan(
              matrix.memory(),
              weight.name(),
              String.format(Locale.ROOT, "%s %d, column %d", each, row, column));
        }
      }
    }
  }

  /// A table is indexed by and never looked at again.
  private static void requireExperts(TableGating gating, int experts) {
    List<MemorySegment> memory = List.of(gating.table().data());
    new WeightMemory(memory).requireAlive();
    for (int token = 0; token < gating.vocabulary(); token++) {
      for (int slot = 0; slot < gating.topK(); slot++) {
        long expert = gating.expert(token, slot);
        String wrong = expert < 0 || expert >= experts ? "no expert" : null;
        for (int earlier = 0; earlier < slot && wrong == null; earlier++) {
          wrong = gating.expert(token, earlier) == expert ? "there twice" : null;
        }
        if (wrong != null) {
          throw new BackendException(
              String.format(
                  Locale.ROOT,
                  "%srouter tensor \"%s\" sends token id %d to expert %d, which is %s; expected"
                      + " distinct ones from 0 to %d",
                  file(memory),
                  gating.table().name(),
                  token,
                  expert,
                  wrong,
                  experts - 1));
        }
      }
    }
  }

  private static void requireNumbers(@Nullable Bias bias) {
    requireNumbers(bias, "expert");
  }

  private static void requireNumbers(@Nullable Bias bias, String each) {
    if (bias != null) {
      requireNumbers(bias.values(), bias::toFloats, each);
    }
  }

  /// @param values what is made of the tensor
  /// @param each what each of them belongs to
  private static void requireNumbers(TensorView tensor, Supplier<float[]> values, String each) {
    List<MemorySegment> memory = List.of(tensor.data());
    new WeightMemory(memory).requireAlive();
    int index = indexOfNan(values.get());
    if (index >= 0) {
      throw nan(memory, tensor.name(), String.format(Locale.ROOT, "%s %d", each, index));
    }
  }

  private static int indexOfNan(float[] values) {
    for (int i = 0; i < values.length; i++) {
      if (Float.isNaN(values[i])) {
        return i;
      }
    }
    return -1;
  }

  private static BackendException nan(Iterable<MemorySegment> memory, String tensor, String where) {
    return new BackendException(
        String.format(
            Locale.ROOT,
            "%srouter tensor \"%s\" is NaN for %s, expected numbers",
            file(memory),
            tensor,
            where));
  }

  /// The path of the file they are mapped from, for the beginning of a sentence; nothing for
  /// others.
  private static String file(Iterable<MemorySegment> memory) {
    String file = "";
    for (MemorySegment segment : memory) {
      MappedFile mapped = MappedFiles.of(segment);
      file = mapped == null ? file : mapped.path() + ": ";
    }
    return file;
  }
}
