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
    分类 类目 类别 分類 ジャンル カテゴリ カテゴリー 카테고리 분류 danhmuc
    تصنيف التصنيف فئة الفئة القسم קטגוריה מחלקה หมวดหมู่ श्रेणी
    breadcrumb breadcrumbs taxonomy department departement departamento abteilung section seccion
    shelf aisle browsenode browsenodes categoryid catid cat brick class family segment division
"""
_WEAK_CATEGORIES = "rating score sentiment label labels tags type"
_IDS = """
    id sku productid itemid itemsku asin ean gtin upc artikelnummer artikelnr artnr offerid code
    codigo reference ref код артикул 商品id 商品编号 品番 상품번호
"""
# What stands in the name of the column in which a category has that above it.
_PARENTS = "parent oberkategorie eltern padre genitore ouder rodzic överordnad родител 父"
_LEVELS = "l lvl level ebene niveau nivel livello poziom taso niva seviye уровень レベル 级 層"
_LEAVES = "name title value text label path fullname"


def _plain_names(names: str) -> tuple[str, ...]:
    return tuple(map(plain, names.split()))


TITLES = _plain_names(_TITLES)
CATEGORIES = _plain_names(_CATEGORIES)
WEAK_CATEGORIES = _plain_names(_WEAK_CATEGORIES)  # said of other things as well
IDS = _plain_names(_IDS)
LEVELS = _plain_names(_LEVELS)
PARENTS = _plain_names(_PARENTS)
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
