"""How feeds of many countries call their columns, the surest first; without case, blanks, marks."""

import re
import unicodedata


def plain(name: str) -> str:
    """Return a header without case, blanks, marks and accents.

    >>> plain("Product_Type"), plain("Catégorie"), plain("ÜRÜN ADI"), plain("カテゴリ")
    ('producttype', 'categorie', 'urunadi', 'カテコリ')
    """
    apart = unicodedata.normalize("NFKD", name).casefold().replace("ı", "i")
    return re.sub(r"[\W_]", "", apart)  # what is left of an accent is no letter either


_TITLES = """
    title producttitle itemtitle productname itemname name titel artikelbezeichnung bezeichnung
    produktname artikelname titre nom nomproduit libelle designation titulo nombre nombreproducto
    nome nomeproduto titolo nomeprodotto naam productnaam nazwa nazwaproduktu nazev namn navn nimi
    urunadi baslik nev termeknev megnevezes denumire naziv pavadinimas nosaukums nimetus tuotenimi
    namaproduk nama tensanpham tieude название наименование назва товар име ονομα τιτλος
    商品名 商品名称 品名 标题 名称 商品標題 상품명 제목 タイトル 商品タイトル
    اسم العنوان שםמוצר שםהמוצר כותרת ชื่อสินค้า ชื่อ नाम शीर्षक
    itemdescription text reviewtext sentence label description descricao
"""
_CATEGORIES = """
    categorypath categories category producttype googleproductcategory categoryname maincategory
    productcategory categorytree kategoriepfad kategorie kategorien warengruppe produktgruppe
    categorie rubrique rayon famille categoria categorias categoriaproducto reparto familia
    kategoria kategorija kategori kategoriler kategoriat osasto tuoteryhma varugrupp varegruppe
    productgroep artikelgroep grupa skupina kategooria
    категория категории раздел категорія группа група розділ κατηγορια
    分类 类目 类别 大类 中类 小类 分類 ジャンル カテゴリ カテゴリー 카테고리 분류 danhmuc
    تصنيف التصنيف فئة الفئة القسم קטגוריה מחלקה หมวดหมู่ श्रेणी
    breadcrumb breadcrumbs taxonomy department departement departamento abteilung section seccion
    shelf aisle browsenode browsenodes categoryid catid cat brick class family segment division
"""
# What stands before the name of a category, or behind it, where it is one of several levels.
_PLACES = """
    main top super master parent root primary first haupt ober hoofd huvud hoved główna hlavni
    principal principale ana fo paa главная основная 大 대 一级;
    ;
    sub child secondary second unter under onder pod sous sotto alt al ala под 中 중 子 二级;
    tertiary third 小 소 三级;
    细 細 세 四级
"""
_ABOUT_GOODS = "product item produkt artikel shop store"  # may stand before it as well
# What is not of a category, though it be called so: `tax class`, `colour family`, `age group`.
_ATTRIBUTES = """
    brand brands maker marke marque marca merk marka бренд 品牌 브랜드 ブランド color colour colors
    colours farbe couleur kleur kolor renk цвет 颜色 色 색상 size sizes grosse taille talla taglia
    maat rozmiar beden размер 尺码 사이즈 gender sex geschlecht genre genero genere plec cinsiyet
    пол 性别 성별 age tax shipping customer season price energy material
"""
_WEAK_CATEGORIES = "rating score sentiment label labels tags type"
_SETS = "tags labels keywords etiquetas etiketten"  # of which a record has several
_IDS = """
    id sku productid itemid itemsku asin ean gtin upc artikelnummer artikelnr artnr offerid code
    codigo reference ref kod kodproduktu productcode itemcode codeproduit codigoproducto код артикул
    商品id 商品编号 商品编码 品番 商品コード 상품번호 상품코드
"""
# What stands in the name of the column in which a category has that above it.
_PARENTS = """
    parent oberkategorie obergruppe eltern übergeordnet uebergeordnet padre genitore superieur
    superior ouder rodzic nadrzedn nadřazen överordnad overordnet ustkategori родител вышестоящ
    父 上级 上級 親 상위
"""
_LEVELS = "l lvl level ebene niveau nivel livello poziom taso niva seviye уровень レベル 级 層"
_UNITS = """
    text string str char varchar int integer long number numeric float double decimal date datetime
    bool boolean url - -- n/a kg g mg l ml cl m cm mm km inch in ft oz lb eur usd gbp pln czk chf €
    $ £ % pcs pc piece stk st stück szt ks tl руб кг г шт мм см 元 円 個 个
"""
_LEAVES = "name title value text label path fullname"


def _plain_names(names: str) -> tuple[str, ...]:
    return tuple(map(plain, names.split()))


TITLES = _plain_names(_TITLES)
CATEGORIES = _plain_names(_CATEGORIES)
WEAK_CATEGORIES = _plain_names(_WEAK_CATEGORIES)  # said of other things as well
SETS = _plain_names(_SETS)
IDS = _plain_names(_IDS)
LEVELS = _plain_names(_LEVELS)
PARENTS = _plain_names(_PARENTS)
_KNOWN_PLACES = {
    word: place for place, words in enumerate(_PLACES.split(";")) for word in _plain_names(words)
}
_ATTRIBUTE_WORDS = {*_plain_names(_ATTRIBUTES)}
UNITS = {*_UNITS.split()}  # what a line of units beneath the header says
LEAVES = _plain_names(_LEAVES)  # what in an object says its name: `category.name`


def by_name(name: str, names: tuple[str, ...]) -> float:
    """Return 2 to 3 for one of the names, the first most; 1 to 2 for what has one in it.

    What stands before a colon or a point may be left out, `g:title`, `product.name`, and so may
    what an object calls its name: `category.name`. A whole word says more than a part of one.
    """
    parts = [part for part in re.split(r"[:.@]", name) if part]
    while len(parts) > 1 and plain(parts[-1]) in LEAVES and plain(parts[-1]) not in names:
        parts.pop()
    every = {plain(name), plain(parts[-1]) if parts else ""}
    if known := every & set(names):
        return 3 - min(map(names.index, known)) / len(names)
    found = plain(name)
    inside = [len(each) for each in names if _says_something(each) and each in found]
    if not inside:
        return 0.0
    words = {plain(word) for word in re.split(r"[\W_]+", name)}
    whole = 0.5 if words & set(names) else 0.0
    return 1 + whole + max(inside) / (2 * len(found))


def _says_something(name: str) -> bool:
    """Tell whether a name inside of another is no chance: `id` is, `分类` is not."""
    return len(name) > 3 or (len(name) > 1 and not name.isascii())


def place_of(name: str) -> tuple[str, int] | None:
    """Return a name of categories and which level of several it is; None for any other name.

    >>> place_of("Hauptkategorie"), place_of("Unterunterkategorie"), place_of("Department Name")
    (('kategorie', 0), ('kategorie', 3), ('department', 1))
    """
    word = plain(re.split(r"[:.@]", name)[-1])
    leaf = next((leaf for leaf in LEAVES if word.endswith(leaf)), "")
    about = next((each for each in _plain_names(_ABOUT_GOODS) if word.startswith(each)), "")
    for end in (leaf, ""):
        for begin in (about, ""):
            inner = word.removesuffix(end).removeprefix(begin)
            if found := _place_beside(inner):
                return found
    return None


def _place_beside(word: str) -> tuple[str, int] | None:
    for stem in sorted((each for each in CATEGORIES if each in word), key=len):
        before, _, behind = word.partition(stem)
        if before and behind:
            continue
        if (rest := before or behind) == "":
            return stem, 1
        for prefix, place in _KNOWN_PLACES.items():
            times = len(rest) // len(prefix)
            if rest == prefix * times:
                return stem, place + times - 1
    return None


def is_of_an_attribute(name: str) -> bool:
    """Tell whether a word of a name is that of a brand, a colour, a size or the like."""
    return any(plain(word) in _ATTRIBUTE_WORDS for word in re.split(r"[\W_]+", name))
