package dev.tornadomoe.checkpoint.safetensors;

import dev.tornadomoe.tensor.TensorView;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Tensors by name, to be changed one at a time.
public final class TensorSet {
  private final Map<String, TensorView> byName = new LinkedHashMap<>();

  public static TensorSet of(TensorView... tensors) {
    TensorSet set = new TensorSet();
    for (TensorView tensor : tensors) {
      set.put(tensor);
    }
    return set;
  }

  /// Adds a tensor, or replaces the one of its name.
  public TensorSet put(TensorView tensor) {
    byName.put(tensor.name(), tensor);
    return this;
  }

  public TensorSet putAll(TensorSet others) {
    byName.putAll(others.byName);
    return this;
  }

  /// Takes out a tensor, which must be there.
  public TensorSet remove(String name) {
    if (byName.remove(name) == null) {
      throw new IllegalArgumentException(name + " is not among " + byName.keySet());
    }
    return this;
  }

  public TensorView get(String name) {
    TensorView tensor = byName.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(name + " is not among " + byName.keySet());
    }
    return tensor;
  }

  public List<String> names() {
    return new ArrayList<>(byName.keySet());
  }

  public Collection<TensorView> tensors() {
    return byName.values();
  }
}
