package dev.tornadomoe;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReader;
import java.lang.module.ModuleReference;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// What the module exports to everybody is enough by itself: no public signature names a type that
/// a user can't, of ours or of a library's.
class ModuleTest {
  private static Set<String> exported;
  private static List<Class<?>> api;

  @BeforeAll
  static void read() throws Exception {
    Path classes =
        Path.of(MoeException.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    ModuleReference module = ModuleFinder.of(classes).find("dev.tornadomoe").orElseThrow();
    exported =
        module.descriptor().exports().stream()
            .filter(exports -> !exports.isQualified())
            .map(ModuleDescriptor.Exports::source)
            .collect(Collectors.toSet());
    api = types(module).stream().filter(type -> isPublic(type.getModifiers())).toList();
  }

  /// Those of exported packages.
  private static List<Class<?>> types(ModuleReference module)
      throws IOException, ClassNotFoundException {
    List<String> names;
    try (ModuleReader reader = module.open();
        Stream<String> files = reader.list()) {
      names =
          files
              .filter(file -> file.endsWith(".class") && !file.endsWith("-info.class"))
              .map(file -> file.substring(0, file.length() - ".class".length()).replace('/', '.'))
              .filter(name -> exported.contains(name.substring(0, name.lastIndexOf('.'))))
              .toList();
    }
    List<Class<?>> types = new ArrayList<>();
    for (String name : names) {
      types.add(Class.forName(name, false, ModuleTest.class.getClassLoader()));
    }
    return types;
  }

  @Test
  void signaturesNameWhatUsersCanName() {
    Set<String> hidden = new TreeSet<>();
    for (Class<?> type : api) {
      if (isReachable(type)) {
        named(type).filter(name -> !isKnown(name)).forEach(name -> hidden.add(type + ": " + name));
      }
    }
    assertThat(api).hasSizeGreaterThan(100);
    assertThat(hidden).isEmpty();
  }

  /// What is for the library alone; qualified exports are for its other modules.
  @Test
  void innerRoomsAreNotExported() {
    assertThat(exported)
        .isNotEmpty()
        .noneMatch(name -> name.startsWith("dev.tornadomoe.backend."))
        .doesNotContain(
            "dev.tornadomoe.checkpoint.io",
            "dev.tornadomoe.checkpoint.quant",
            "dev.tornadomoe.checkpoint.safetensors",
            "dev.tornadomoe.layer.gguf",
            "dev.tornadomoe.tensor.block",
            "dev.tornadomoe.tensor.mapped",
            "dev.tornadomoe.tensor.text");
  }

  private static boolean isPublic(int modifiers) {
    return Modifier.isPublic(modifiers) || Modifier.isProtected(modifiers);
  }

  private static boolean isReachable(Class<?> type) {
    Class<?> outer = type.getEnclosingClass();
    return isPublic(type.getModifiers()) && (outer == null || isReachable(outer));
  }

  private static boolean isKnown(Class<?> type) {
    return type.getName().startsWith("dev.tornadomoe.")
        ? exported.contains(type.getPackageName()) && isReachable(type)
        : type.getModule() == Object.class.getModule();
  }

  /// The types in a type's own signature and in those of its public and protected members.
  private static Stream<Class<?>> named(Class<?> type) {
    Stream<Type> own =
        Stream.concat(
            Stream.ofNullable(type.getGenericSuperclass()),
            Stream.concat(
                Arrays.stream(type.getGenericInterfaces()),
                Arrays.stream(type.getTypeParameters())));
    Stream<Type> fields =
        Arrays.stream(type.getDeclaredFields())
            .filter(field -> isPublic(field.getModifiers()))
            .map(Field::getGenericType);
    Stream<Type> methods =
        Arrays.stream(type.getDeclaredMethods())
            .filter(method -> isPublic(method.getModifiers()) && !method.isSynthetic())
            .flatMap(ModuleTest::signature);
    Stream<Type> constructors =
        Arrays.stream(type.getDeclaredConstructors())
            .filter(constructor -> isPublic(constructor.getModifiers()))
            .flatMap(ModuleTest::signature);
    return Stream.of(own, fields, methods, constructors)
        .flatMap(types -> types)
        .flatMap(ModuleTest::classes);
  }

  private static Stream<Type> signature(Executable member) {
    Stream<Type> result =
        switch (member) {
          case Method method -> Stream.of(method.getGenericReturnType());
          case Constructor<?> _ -> Stream.empty();
        };
    return Stream.of(
            result,
            Arrays.stream(member.getGenericParameterTypes()),
            Arrays.stream(member.getGenericExceptionTypes()),
            Arrays.<Type>stream(member.getTypeParameters()))
        .flatMap(types -> types);
  }

  private static Stream<Class<?>> classes(Type type) {
    return switch (type) {
      case Class<?> c -> Stream.of(c.isArray() ? innermost(c) : c).filter(t -> !t.isPrimitive());
      case ParameterizedType p ->
          Stream.concat(
              classes(p.getRawType()),
              Arrays.stream(p.getActualTypeArguments()).flatMap(ModuleTest::classes));
      case GenericArrayType a -> classes(a.getGenericComponentType());
      case WildcardType w -> Arrays.stream(w.getUpperBounds()).flatMap(ModuleTest::classes);
      // Its bounds are seen where it is declared, once: they may name it again.
      case TypeVariable<?> v ->
          Arrays.stream(v.getBounds()).filter(Class.class::isInstance).map(c -> (Class<?>) c);
      default -> throw new IllegalArgumentException(type.toString());
    };
  }

  private static Class<?> innermost(Class<?> array) {
    Class<?> component = array.getComponentType();
    return component.isArray() ? innermost(component) : component;
  }
}
