package dev.tornadomoe.cli.inspect;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.checkpoint.file.StoredTensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Function;

/// The tensors of a checkpoint, those together whose names differ in numbers only and that have the
/// same type and shape.
final class TensorKinds {

  /// @param name with `*` for each number
  /// @param dtype as stored
  /// @param shape of each
  private record Kind(String name, String dtype, String shape) {}

  /// Running sums.
  private static final class Sum {
    private long count;
    private long bytes;

    void add(long more) {
      count++;
      bytes += more;
    }
  }

  private final Map<Kind, Sum> kinds = new LinkedHashMap<>();
  private final Map<String, Sum> byType = new TreeMap<>();

  private TensorKinds() {}

  /// @param find one of them, over its file
  /// @param problems hears what keeps tensors from being counted: a shard that is missing, say
  static TensorKinds of(
      Set<String> names,
      Function<String, Optional<StoredTensor>> find,
      Consumer<MoeException> problems) {
    TensorKinds found = new TensorKinds();
    for (String name : new TreeSet<>(names)) {
      try {
        find.apply(name).ifPresent(found::add);
      } catch (MoeException e) {
        problems.accept(e);
      }
    }
    return found;
  }

  private void add(StoredTensor tensor) {
    // Between dots only: "w1" and "fc2" are names, "layers.12" is a number.
    String name = tensor.name().replaceAll("(?<=^|\\.)\\d+(?=\\.|$)", "*");
    Kind kind = new Kind(name, tensor.type(), tensor.shape().toString());
    kinds.computeIfAbsent(kind, k -> new Sum()).add(tensor.bytes());
    byType.computeIfAbsent(kind.dtype(), type -> new Sum()).add(tensor.bytes());
  }

  /// Bytes of each stored type.
  Map<String, Object> bytesByType() {
    Map<String, Object> json = new LinkedHashMap<>();
    byType.forEach((type, sum) -> json.put(type, sum.bytes));
    return json;
  }

  /// A row for each kind: `name`, `dtype`, `shape`, `count`, `bytes`.
  List<Map<String, Object>> toJson() {
    List<Map<String, Object>> rows = new ArrayList<>();
    kinds.forEach((kind, sum) -> {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("name", kind.name());
      row.put("dtype", kind.dtype());
      row.put("shape", kind.shape());
      row.put("count", sum.count);
      row.put("bytes", sum.bytes);
      rows.add(row);
    });
    return rows;
  }
}
